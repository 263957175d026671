public import Addressing

/// Another node of the cluster, as this node sees it.
public struct Peer: Hashable, Sendable {
    /// What the node file says of it.
    public let entry: NodeEntry
    /// The subnets that it holds: those that another node holds by the better claim are left out.
    public let subnets: [IPPrefix]
    /// Extra prefixes that are reached through it, without those that meet another node's subnet or route.
    public let routes: [IPPrefix]
    private let place: Place

    init(_ entry: NodeEntry, subnets: [IPPrefix], routes: [IPPrefix], seenFrom place: Place) {
        self.entry = entry
        // Shared where it is the same: most nodes hold all that they claim.
        self.subnets = subnets == entry.subnets ? entry.subnets : subnets
        self.routes = routes == entry.routes ? entry.routes : routes
        self.place = place
    }

    /// `metadata.name`; no two peers share one.
    public var name: String { entry.name }
    /// Nil where the node announces subnets alone.
    public var nodeID: NodeID? { entry.nodeID }
    /// Where its datagrams go, best first; empty where none of its addresses has a route from here.
    public var endpoints: [Endpoint] { entry.endpoints(from: place.facts, port: place.port) }
    /// The host names among its endpoints.
    public var hostNames: [String] {
        (entry.endpoints ?? []).compactMap { if case .name(let name, _) = $0 { name } else { nil } }
    }
    /// True where its address is learnt from what it sends.
    public var isDynamic: Bool { entry.isDynamic }
    /// Its own addresses outside of the overlay, which may stand in inner packets as well.
    public var nodeAddresses: [IPAddress] { entry.nodeAddresses }
    /// What it announces to be capable of.
    public var features: Set<String> { entry.features }
    /// The release of Warrens that it runs; nil where it does not say.
    public var version: String? { entry.version }
    /// What stands in front of the packets that it sends; nil where it does not say. Who announces a version announces all
    /// features.
    public var framing: Settings.Framing? {
        if features.contains("gpe") { return .gpe }
        return version == nil ? nil : .raw
    }
    /// 32 bytes (Curve25519).
    public var publicKey: [UInt8]? { entry.publicKey }
    public var isRelay: Bool { entry.isRelay }
    public var claim: Claim { entry.claim }

    public static func == (left: Peer, right: Peer) -> Bool {
        left.entry == right.entry && left.subnets == right.subnets && left.routes == right.routes
            && (left.place === right.place || left.endpoints == right.endpoints)
    }

    public func hash(into hasher: inout Hasher) { hasher.combine(entry) }

    /// Where this node stands when it looks at others: all peers of a registry share one.
    final class Place: Hashable, Sendable {
        let facts: UplinkFacts
        /// The default port.
        let port: UInt16

        init(_ facts: UplinkFacts, port: UInt16) {
            self.facts = facts
            self.port = port
        }

        static func == (left: Place, right: Place) -> Bool { left.facts == right.facts && left.port == right.port }

        func hash(into hasher: inout Hasher) { hasher.combine(port) }
    }
}

/// What a node must know of its own network to choose among a peer's addresses.
public struct UplinkFacts: Hashable, Sendable {
    /// The prefixes on this host's links outside of the overlay.
    public var onLink: [IPPrefix]
    /// The families in which this host has a route to the outside.
    public var routable: Set<IPFamily>
    /// The host's own addresses outside of the overlay, by which it finds itself among the nodes; empty where they are
    /// not known.
    public var ownAddresses: Set<IPAddress>

    public init(onLink: [IPPrefix], routable: Set<IPFamily>, ownAddresses: Set<IPAddress> = []) {
        self.onLink = onLink
        self.routable = routable
        self.ownAddresses = ownAddresses
    }

    /// Nothing on-link, everything routable, no address known to be our own: for looking at a file without a network.
    public static let unknown = UplinkFacts(onLink: [], routable: [.v4, .v6])

    func isOnLink(_ address: IPAddress) -> Bool {
        onLink.contains { $0.contains(address) }
    }

    func canReach(_ address: IPAddress) -> Bool {
        routable.contains(address.family) || isOnLink(address)
    }
}

extension NodeEntry {
    /// Where datagrams to this node go, best first: as announced, else its addresses with the default port, on-link
    /// ones before external ones before other internal ones. An address that has no route from here is left out.
    public func endpoints(from facts: UplinkFacts, port: UInt16) -> [Endpoint] {
        if let endpoints {
            return endpoints.filter { $0.socketAddress.map { facts.canReach($0.address) } ?? true }
        }
        if externalAddresses.isEmpty, internalAddresses.count == 1 {
            let address = internalAddresses[0]
            guard facts.canReach(address), Endpoint.isReachable(address) else { return [] }
            return [.address(SocketAddress(address, port: port))]
        }
        let near = internalAddresses.filter(facts.isOnLink)
        let far = internalAddresses.filter { !facts.isOnLink($0) }
        var seen: Set<IPAddress> = []
        return (near + externalAddresses + far)
            .filter { facts.canReach($0) && Endpoint.isReachable($0) && seen.insert($0).inserted }
            .map { .address(SocketAddress($0, port: port)) }
    }

    /// The node's addresses outside of the overlay: those of its status and those among its endpoints.
    public var nodeAddresses: [IPAddress] {
        // The usual case takes no memory.
        if externalAddresses.isEmpty, endpoints == nil { return internalAddresses }
        var seen: Set<IPAddress> = []
        let announced = (endpoints ?? []).compactMap { $0.socketAddress?.address }
        return (internalAddresses + externalAddresses + announced).filter { seen.insert($0).inserted }
    }
}
