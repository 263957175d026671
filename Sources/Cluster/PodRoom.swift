internal import Addressing
public import JSON
public import Overlay

/// Whether a node's subnets have an address for each pod that its kubelet may start.
public enum PodRoom {
    /// How many pods kubelet says that it may start (`--max-pods`); nil where it does not say.
    ///
    /// - Parameter node: A Node.
    public static func mostPods(of node: JSONObject) -> Int? {
        let status = node["status"]?.objectValue
        let pods = (status?["allocatable"] ?? status?["capacity"])?.objectValue?["pods"]
        return pods?.intValue ?? pods?.stringValue.flatMap { Int($0) }
    }

    /// What is too small, and the remedy; nil where all have room.
    public static func shortage(of node: LocalNode, pods: Int, settings: Settings) -> String? {
        for family in Set(node.subnets.map(\.family)).sorted(by: { $0.rawValue < $1.rawValue }) {
            let subnets = node.subnets.filter { $0.family == family }
            let room = subnets.reduce(0) { $0.addingReportingOverflow($1.containerCount).partialValue }
            if room >= pods { continue }
            let names = subnets.map(\.description).joined(separator: ",")
            return
                "this node's \(family) subnet \(names) has \(room) addresses for pods, and kubelet may start \(pods); "
                + "\(remedy(family, pods, settings)), or lower kubelet's maxPods to \(room)"
        }
        return nil
    }

    private static func remedy(_ family: IPFamily, _ pods: Int, _ settings: Settings) -> String {
        if settings.subnets.contains(where: { $0.family == family }) { return "pin a larger subnet in warrens.json" }
        // Eight addresses of each subnet are not for pods.
        let bits = Int.bitWidth - (pods + 8 - 1).leadingZeroBitCount
        let width = family.bitWidth - settings.v4Prefix.length - bits
        return width > 0
            ? "set v4Width in warrens.json to \(width) or less, the same on every node"
            : "choose a shorter v4Prefix in warrens.json, the same on every node"
    }
}
