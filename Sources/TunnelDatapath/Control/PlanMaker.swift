import Addressing
internal import Overlay
internal import PacketPath

/// Reduces registry, identity and settings to what the datapath and the kernel need. Pure: what only the host knows
/// comes in as values.
struct PlanMaker {
    /// Room for every outer header that any way of carrying may add, and the plain Internet's usual tunnels: what the
    /// plugin assumes before any peer is known.
    private static let cautiousOverhead = 80
    private static let cautiousLimit = 1420

    static func cautiousMTU(_ uplinkMTU: Int?) -> Int { min(cautiousLimit, (uplinkMTU ?? 1500) - cautiousOverhead) }

    let settings: Settings
    let node: LocalNode
    let registry: Registry
    /// The outer MTU of the way to an address, in bytes; nil where there is none.
    let pathMTU: (IPAddress) -> Int?
    /// The MTU of the device with the default route, in bytes.
    let uplinkMTU: Int?
    /// Where this host finds others without the overlay.
    let hostDestinations: Set<IPPrefix>
    /// The addresses of the endpoints' host names, as far as they are known.
    let resolved: [String: [IPAddress]]

    /// This node's subnets, those that are draining included.
    var ownSubnets: [NodeSubnet] { node.subnets + node.draining }

    func forwarding() -> ForwardingPlan {
        ForwardingPlan(
            ownSubnets: ownSubnets.map(\.prefix),
            ownRoutes: registry.selfEntry?.routes ?? [],
            tunnelAddresses: node.subnets.map(\.tunnelAddress),
            knownEndpoints: registry.peers.flatMap(candidates),
            peers: registry.peers.map(peer))
    }

    func network(for plan: ForwardingPlan) -> OverlayNetwork {
        let families = Set(ownSubnets.map(\.family))
        let blocks = settings.overlayPrefixes.filter { families.contains($0.family) }
        // Subnets that an operator pinned elsewhere are routed one by one.
        let further = plan.peers.flatMap { peer in
            (peer.subnets.filter { subnet in !blocks.contains { $0.contains(subnet) } } + peer.routes)
                .filter { obstacle(to: $0) == nil }
        }.filter { families.contains($0.family) }
        return OverlayNetwork(
            mtu: mtu(for: plan), ownSubnets: plan.ownSubnets, tunnelAddresses: ownSubnets.map(\.tunnelAddress),
            gateways: ownSubnets.map(\.bridgeAddress), destinations: blocks + further,
            exceptions: hostDestinations.filter { inner in further.contains { $0.contains(inner) } }.sorted())
    }

    /// The route of this host that a prefix of a peer would hide: the same one, or one around it. What the prefix merely
    /// contains stays reachable as an exception, as longer prefixes go first everywhere.
    private func obstacle(to prefix: IPPrefix) -> IPPrefix? {
        if hostDestinations.isEmpty { return nil }
        return (1...max(prefix.length, 1)).lazy.compactMap { IPPrefix(prefix.address, length: $0)?.network }
            .first(where: hostDestinations.contains)
    }

    /// The peers' prefixes that are not routed, each with the reason.
    var problems: [NodeProblem] {
        let blocks = settings.overlayPrefixes
        return registry.peers.flatMap { peer in
            let subnets = peer.subnets.filter { subnet in !blocks.contains { $0.contains(subnet) } }
            return (subnets.map { ($0, "subnets") } + peer.routes.map { ($0, "routes") }).compactMap { prefix, key in
                obstacle(to: prefix).map {
                    NodeProblem(
                        node: peer.name, field: "warrens.io/\(key)",
                        message:
                            "\(prefix) lies inside of this host's own route \($0), so it is not routed through the "
                            + "tunnel; announce other prefixes, or remove that route")
                }
            }
        }
    }

    var masquerade: TunnelMasquerade {
        TunnelMasquerade(ownSubnets: ownSubnets.map(\.prefix), tunnelAddresses: node.subnets.map(\.tunnelAddress))
    }

    /// The largest inner packet that every peer can be sent, in bytes.
    func mtu(for plan: ForwardingPlan) -> Int {
        if let fixed = settings.mtu { return fixed }
        let limits = plan.peers.compactMap { peer in peer.endpoint.map { peer.routeMTU - Self.overhead($0) } }
        let limit = limits.min() ?? Self.cautiousMTU(uplinkMTU)
        return min(max(limit, WireFormat.minimumMTU), 65535 - WireFormat.overheadV6)
    }

    private func peer(_ peer: Peer) -> ForwardingPlan.Peer {
        let candidates = candidates(peer)
        var result = ForwardingPlan.Peer(
            name: peer.name, subnets: peer.subnets, routes: peer.routes,
            nodeAddresses: peer.nodeAddresses
                + candidates.map(\.address).filter { !peer.nodeAddresses.contains($0) })
        for candidate in candidates {
            guard let mtu = pathMTU(candidate.address) else { continue }
            result.endpoint = candidate
            result.routeMTU = mtu
            break
        }
        // An address that NAT chooses, that we could not answer or that a name server has yet to tell proves nothing;
        // then it suffices that some node owns the inner source.
        let isKnown = peer.hostNames.allSatisfy { resolved[$0] != nil }
        if settings.sourceCheck == .strict, !peer.isDynamic, isKnown, result.endpoint != nil {
            result.outerSources = candidates.map(\.address)
        }
        return result
    }

    /// All addresses to which a peer's datagrams may go, best first.
    private func candidates(_ peer: Peer) -> [SocketAddress] {
        peer.endpoints.flatMap { endpoint -> [SocketAddress] in
            switch endpoint {
            case .address(let address): [address]
            case .name(let name, let port): (resolved[name] ?? []).map { SocketAddress($0, port: port) }
            }
        }
    }

    private static func overhead(_ endpoint: SocketAddress) -> Int {
        endpoint.address.family == .v4 ? WireFormat.overheadV4 : WireFormat.overheadV6
    }
}

extension PlanMaker {
    /// The host names that have to be resolved.
    static func hostNames(_ registry: Registry) -> Set<String> { Set(registry.peers.flatMap(\.hostNames)) }

    init(
        settings: Settings, node: LocalNode, registry: Registry, underlay: Underlay, resolved: [String: [IPAddress]]
    ) {
        self.init(
            settings: settings, node: node, registry: registry, pathMTU: { underlay.path(to: $0)?.mtu },
            uplinkMTU: underlay.uplinkMTU, hostDestinations: underlay.destinations, resolved: resolved)
    }
}

extension Peer {
    /// The host names among its endpoints.
    fileprivate var hostNames: [String] {
        endpoints.compactMap { if case .name(let name, _) = $0 { name } else { nil } }
    }
}
