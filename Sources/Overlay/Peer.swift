public import Addressing

/// Another node of the cluster, as this node sees it.
public struct Peer: Hashable, Sendable {
    /// `metadata.name`; no two peers share one.
    public var name: String
    /// Nil where the node announces subnets alone.
    public var nodeID: NodeID?
    /// The subnets that it holds: those that another node holds by the better claim are left out.
    public var subnets: [IPPrefix]
    /// Extra prefixes that are reached through it, without those that meet another node's subnet or route.
    public var routes: [IPPrefix]
    /// Where its datagrams go, best first; empty where none of its addresses has a route from here.
    public var endpoints: [Endpoint]
    /// True where its address is learnt from what it sends.
    public var isDynamic: Bool
    /// Its own addresses outside of the overlay, which may stand in inner packets as well.
    public var nodeAddresses: [IPAddress]
    /// What it announces to be capable of.
    public var features: Set<String>
    /// 32 bytes (Curve25519).
    public var publicKey: [UInt8]?
    public var isRelay: Bool
    public var claim: Claim
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
        let near = internalAddresses.filter(facts.isOnLink)
        let far = internalAddresses.filter { !facts.isOnLink($0) }
        var seen: Set<IPAddress> = []
        return (near + externalAddresses + far)
            .filter { facts.canReach($0) && Endpoint.isReachable($0) && seen.insert($0).inserted }
            .map { .address(SocketAddress($0, port: port)) }
    }

    /// The node's addresses outside of the overlay: those of its status and those among its endpoints.
    public var nodeAddresses: [IPAddress] {
        var seen: Set<IPAddress> = []
        let announced = (endpoints ?? []).compactMap { $0.socketAddress?.address }
        return (internalAddresses + externalAddresses + announced).filter { seen.insert($0).inserted }
    }
}
