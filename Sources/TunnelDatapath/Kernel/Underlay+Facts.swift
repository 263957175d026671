import Addressing
internal import Host
internal import Netlink
internal import Overlay

extension Underlay {
    /// What choosing among a peer's addresses needs to know of this host's network.
    func facts() throws(SystemError) -> UplinkFacts {
        let ours = Set(["cni0", OverlayNetwork.deviceName])
        let routes = try socket.routes().filter { route in
            route.kind == .unicast && !route.interfaceIndices.contains { ours.contains(links[$0]?.name ?? "") }
        }
        let onLink = routes.filter { $0.gateway == nil && $0.nextHops.isEmpty && $0.destination.length > 0 }
        // A route to the outside is one by way of a router, or a default route on a point-to-point link.
        let outside = routes.filter { $0.gateway != nil || !$0.nextHops.isEmpty || $0.destination.length == 0 }
        return UplinkFacts(
            onLink: Set(onLink.map(\.destination)).filter { !$0.address.isLinkLocal || $0.family == .v4 }.sorted(),
            routable: Set(outside.map(\.destination.family)))
    }
}
