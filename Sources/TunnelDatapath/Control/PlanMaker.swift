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

    /// What `warrens.io/features` calls the abilities of a node that others act on.
    enum Feature {
        static let checksumDeferral = "checksum-deferral"
        static let kernelPath = "ebpf"
        static let zeroChecksum6 = "zero-checksum6"
    }

    static func cautiousMTU(_ uplinkMTU: Int?) -> Int { min(cautiousLimit, (uplinkMTU ?? 1500) - cautiousOverhead) }

    let settings: Settings
    let node: LocalNode
    /// The extra routes that the node file gives this node.
    let ownRoutes: [IPPrefix]
    /// What the node file says that this node is capable of: its peers act on that.
    let ownFeatures: Set<String>
    /// The way to an address; nil where there is none.
    let path: (IPAddress) -> Underlay.Path?
    /// The MTU of the device with the default route, in bytes.
    let uplinkMTU: Int?
    /// The largest MTU of the devices that datagrams can come in by, in bytes.
    let longestReceived: Int
    /// The unicast addresses of this host outside of the overlay, in ascending order.
    let ownAddresses: [IPAddress]
    /// Where this host finds others without the overlay.
    let hostDestinations: Set<IPPrefix>
    /// The addresses of the endpoints' host names, as far as they are known.
    let resolved: [String: [IPAddress]]

    /// This node's subnets, those that are draining included.
    var ownSubnets: [NodeSubnet] { node.subnets + node.draining }

    var local: ForwardingPlan.Local {
        ForwardingPlan.Local(
            subnets: ownSubnets.map(\.prefix), routes: ownRoutes, tunnelAddresses: node.subnets.map(\.tunnelAddress),
            longestReceived: longestReceived, addresses: ownAddresses)
    }

    func plan(for peers: [Peer]) -> ForwardingPlan { ForwardingPlan(local: local, peers: peers.map(peer)) }

    func change(_ difference: PeerDifference) -> ForwardingChange {
        ForwardingChange(
            local: local, removed: Array(difference.removed), updated: difference.updated.values.map(peer))
    }

    func demands(of plan: ForwardingPlan) -> PeerDemands {
        var demands = PeerDemands(settings.framing)
        for peer in plan.peers { demands.replace(nil, by: (peer, demand(of: peer))) }
        return demands
    }

    func network(_ demands: PeerDemands) -> OverlayNetwork {
        let families = Set(ownSubnets.map(\.family))
        let further = demands.destinations.filter { families.contains($0.family) }
        return OverlayNetwork(
            mtu: mtu(demands), ownSubnets: ownSubnets.map(\.prefix), tunnelAddresses: ownSubnets.map(\.tunnelAddress),
            gateways: ownSubnets.map(\.bridgeAddress),
            destinations: settings.overlayPrefixes.filter { families.contains($0.family) } + further,
            exceptions: hostDestinations.filter { inner in further.contains { $0.contains(inner) } }.sorted())
    }

    /// What one peer asks of this host's network beyond a way to the overlay's prefixes: its subnets that an operator
    /// pinned elsewhere, and its extra routes, are routed one by one, unless they would hide a network of this host.
    func demand(of peer: ForwardingPlan.Peer) -> PeerDemands.Demand {
        var demand = PeerDemands.Demand()
        let subnets = peer.subnets.filter { subnet in !settings.overlayPrefixes.contains { $0.contains(subnet) } }
        for (prefix, key) in subnets.map({ ($0, "subnets") }) + peer.routes.map({ ($0, "routes") }) {
            guard let obstacle = obstacle(to: prefix) else {
                demand.destinations.append(prefix)
                continue
            }
            demand.problems.append(
                NodeProblem(
                    node: peer.name, field: "warrens.io/\(key)",
                    message:
                        "\(prefix) lies inside of this host's own route \(obstacle), so it is not routed through the "
                        + "tunnel; announce other prefixes, or remove that route"))
        }
        return demand
    }

    /// The route of this host that a prefix of a peer would hide: the same one, or one around it. What the prefix merely
    /// contains stays reachable as an exception, as longer prefixes go first everywhere.
    private func obstacle(to prefix: IPPrefix) -> IPPrefix? {
        if hostDestinations.isEmpty { return nil }
        return (1...max(prefix.length, 1)).lazy.compactMap { IPPrefix(prefix.address, length: $0)?.network }
            .first(where: hostDestinations.contains)
    }

    var masquerade: TunnelMasquerade {
        TunnelMasquerade(ownSubnets: ownSubnets.map(\.prefix), tunnelAddresses: node.subnets.map(\.tunnelAddress))
    }

    /// The largest inner packet that every peer can be sent, in bytes.
    private func mtu(_ demands: PeerDemands) -> Int {
        if let fixed = settings.mtu { return fixed }
        let limit = demands.smallestLimit ?? Self.cautiousMTU(uplinkMTU)
        return min(max(limit, WireFormat.minimumMTU), 65535 - WireFormat.overhead(.v6, settings.framing))
    }

    /// The peer as the datapath is to see it.
    func peer(_ peer: Peer) -> ForwardingPlan.Peer {
        let candidates = candidates(peer)
        var addresses = peer.nodeAddresses
        for candidate in candidates where !addresses.contains(candidate.address) { addresses.append(candidate.address) }
        var result = ForwardingPlan.Peer(
            name: peer.name, subnets: peer.subnets, routes: peer.routes, nodeAddresses: addresses)
        for candidate in candidates {
            guard let path = path(candidate.address) else { continue }
            result.endpoint = candidate
            result.routeMTU = path.mtu
            result.nextHop = path.source.map {
                ForwardingPlan.NextHop(interfaceIndex: path.interfaceIndex, gateway: path.gateway, source: $0)
            }
            break
        }
        result.defersChecksums =
            peer.features.contains(Feature.checksumDeferral) && ownFeatures.contains(Feature.checksumDeferral)
        result.hasKernelPath = peer.features.contains(Feature.kernelPath)
        result.acceptsZeroChecksum6 = peer.features.contains(Feature.zeroChecksum6)
        result.furtherEndpoints = candidates.filter { $0 != result.endpoint }
        // An address that NAT chooses, that we could not answer or that a name server has yet to tell proves nothing;
        // then it suffices that some node owns the inner source.
        let isKnown = peer.hostNames.allSatisfy { resolved[$0] != nil }
        if settings.sourceCheck == .strict, !peer.isDynamic, isKnown, result.endpoint != nil {
            // A node may send over a family, or from an address, that it does not announce to be reached by.
            result.outerSources = addresses
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
}

extension PlanMaker {
    init(
        settings: Settings, node: LocalNode, registry: Registry, underlay: Underlay, resolved: [String: [IPAddress]]
    ) {
        self.init(
            settings: settings, node: node, ownRoutes: registry.selfEntry?.routes ?? [],
            ownFeatures: registry.selfEntry?.features ?? [], path: underlay.path(to:),
            uplinkMTU: underlay.uplinkMTU, longestReceived: underlay.largestMTU, ownAddresses: underlay.ownAddresses,
            hostDestinations: underlay.destinations, resolved: resolved)
    }
}
