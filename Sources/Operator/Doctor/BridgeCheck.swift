import Addressing
import Host
import Netlink
import Overlay

/// What keeps `warrens` from using the pods' bridge, and what earlier settings left behind.
struct BridgeCheck: Check {
    let subject = "bridge"
    let paths: NodePaths
    let facts: NodeFacts

    func findings() throws -> [Finding] {
        let socket = try RouteSocket()
        return try foreignAddresses(socket) + strayRefusals(socket)
    }

    private func foreignAddresses(_ socket: RouteSocket) throws -> [Finding] {
        guard !NetworkLists(paths: paths).removesForeignAddresses else { return [] }
        let bridges = try PodBridge.all(
            socket, paths: paths, node: facts.node, records: RecordedInterface.all(paths))
        return bridges.flatMap { bridge in
            bridge.foreignAddresses.map { address in
                .problem(
                    subject, "\(bridge.link.name) has the foreign address \(address), so that no pod can be attached",
                    remedy: "ip address delete \(address) dev \(bridge.link.name), name another \"bridge\" in the"
                        + " network list, or set \"forceAddress\": true there")
            }
        }
    }

    /// Routes that refuse what the settings of today say nothing of.
    private func strayRefusals(_ socket: RouteSocket) throws(SystemError) -> [Finding] {
        let subnets = (facts.node.map { $0.subnets + $0.draining } ?? []).map(\.prefix)
        let wanted = Set(subnets + facts.settings.overlayPrefixes)
        let strays = try socket.routes().filter {
            $0.kind == .unreachable && $0.origin == KernelNames.routeProtocol && !wanted.contains($0.destination)
        }
        return strays.map { route in
            let family = route.destination.family == .v4 ? "-4" : "-6"
            return .problem(
                "routes", "earlier settings left a route that refuses \(route.destination)",
                remedy: "ip \(family) route delete unreachable \(route.destination) metric \(route.metric) proto"
                    + " \(route.origin); the next pod that starts removes it, too")
        }
    }
}
