import Addressing
import Host
import Netlink
import Overlay

/// Has somebody turned off what makes the uplinks fast?
struct OffloadCheck: Check {
    let subject = "offloads"
    /// Nil where `warrensd` gives none.
    let report: StatusReport?

    /// By the kernel's names, which `ethtool -K` takes.
    private static let useful = ["rx-gro", "tx-generic-segmentation", "tx-scatter-gather", "tx-tcp-segmentation"]

    func findings() throws -> [Finding] {
        let socket = try RouteSocket()
        let features = try DeviceFeatures()
        let indices = try uplinks(socket)
        return try socket.links().filter { indices.contains($0.index) }.flatMap { link in
            // What a pair of veths passes need not be merged: nobody has cut it.
            let wanted = link.isVeth ? Self.useful.filter { $0 != "rx-gro" } : Self.useful
            let off = try features.features(of: link.index).filter {
                wanted.contains($0.name) && $0.canChange && !$0.isOn
            }
            return off.map { feature in
                Finding.notice(
                    subject, "\(feature.name) is off on \(link.name), so that each packet costs as much as many",
                    remedy: "ethtool -K \(link.name) \(feature.name) on")
            }
        }
    }

    /// By which other nodes are reached: where the programs are, or else the default routes lead.
    private func uplinks(_ socket: RouteSocket) throws(SystemError) -> Set<Int32> {
        if let kernel = report?.kernel {
            return Set(kernel.programs.filter { $0.name.hasSuffix("uplink") }.map(\.device))
        }
        return Set(try socket.routes().filter { $0.destination.length == 0 }.flatMap(\.interfaceIndices))
    }
}
