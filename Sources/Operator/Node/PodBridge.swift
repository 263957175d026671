import Addressing
import Host
import Netlink
import Overlay

/// A bridge that Warrens made, or on which it works because a network list names it.
struct PodBridge {
    let link: Link
    /// Made by `warrens`, which is to be told by the hardware address. Any other may carry more than pods.
    let isMadeHere: Bool
    /// The pods' gateways, which `warrens` gave it.
    let gateways: [IPPrefix]
    /// Its addresses that no pod has for a gateway; `warrens` attaches none beside them.
    let foreignAddresses: [IPPrefix]

    static func all(
        _ socket: RouteSocket, paths: NodePaths, node: LocalNode?, records: [RecordedInterface]
    ) throws(SystemError) -> [PodBridge] {
        let own = Set((node.map { $0.subnets + $0.draining } ?? []).map(\.bridgeAddress))
        let addresses = try socket.addresses().filter { $0.scope == .global }
        return try socket.links().filter(\.isBridge).compactMap { link in
            let recorded = records.filter { $0.bridge == link.name }
            let noted = notedGateways(link.name, paths)
            let wanted = own.union(recorded.flatMap(\.gateways))
            let known = wanted.union(noted ?? [])
            let present = addresses.filter { $0.interfaceIndex == link.index }.map(\.prefix)
            let gateways = present.filter { $0.isHost && known.contains($0.address) }
            let isMadeHere = link.mac.map { macs(link.name, node).contains($0) } ?? false
            guard isMadeHere || !recorded.isEmpty || noted != nil || !gateways.isEmpty else { return nil }
            return PodBridge(
                link: link, isMadeHere: isMadeHere, gateways: gateways,
                foreignAddresses: present.filter { !gateways.contains($0) && !wanted.contains($0.address) })
        }
    }

    /// What `warrens` gives to a bridge of that name: under the node's present id, under its first one, and where it
    /// has none.
    private static func macs(_ bridge: String, _ node: LocalNode?) -> Set<MACAddress> {
        let ids = node.map { [$0.nodeID, NodeID(machineID: $0.machineID)] } ?? []
        return Set((ids + [nil]).map { KernelNames.bridgeMAC(bridge, of: $0) })
    }

    /// The addresses that `warrens` noted as its own; nil where it never gave that bridge any.
    private static func notedGateways(_ bridge: String, _ paths: NodePaths) -> [IPAddress]? {
        guard let content = (try? Files.readIfPresent("\(paths.run)/gateways.\(bridge)")).flatMap({ $0 }) else {
            return nil
        }
        return String(decoding: content, as: UTF8.self).split(separator: "\n").compactMap { IPAddress(String($0)) }
    }
}
