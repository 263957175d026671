package import Addressing

/// What a datapath needs to know to carry packets: the registry reduced to addresses. A pure value, made by the
/// control side and handed over whole.
package struct ForwardingPlan: Sendable, Equatable {
    /// What it must know of this node.
    package struct Local: Sendable, Equatable {
        /// This node's subnets: what may be delivered here, and what no peer may send from.
        package var subnets: [IPPrefix]
        /// Prefixes that this node offers to its peers (subnet router).
        package var routes: [IPPrefix]
        /// This node's address on the tunnel, for each family that it has.
        package var tunnelAddresses: [IPAddress]
        /// The longest IP packet that any device of this host can receive in one piece, in bytes: its largest MTU. What
        /// routes towards a peer carry says nothing of what comes back.
        package var longestReceived: Int
        /// The unicast addresses of this host at which datagrams of peers can arrive, in ascending order.
        package var addresses: [IPAddress]

        package init(
            subnets: [IPPrefix] = [], routes: [IPPrefix] = [], tunnelAddresses: [IPAddress] = [],
            longestReceived: Int = 65535, addresses: [IPAddress] = []
        ) {
            self.subnets = subnets
            self.routes = routes
            self.tunnelAddresses = tunnelAddresses
            self.longestReceived = longestReceived
            self.addresses = addresses
        }
    }

    /// The first step of the way to a peer's endpoint, as the routes have it.
    package struct NextHop: Sendable, Equatable {
        /// The device that the datagrams leave by.
        package var interfaceIndex: Int32
        /// The router that they are handed to, of either family; nil where the endpoint is directly attached.
        package var gateway: IPAddress?
        /// The address of this host that they bear, of the endpoint's family.
        package var source: IPAddress

        package init(interfaceIndex: Int32, gateway: IPAddress? = nil, source: IPAddress) {
            self.interfaceIndex = interfaceIndex
            self.gateway = gateway
            self.source = source
        }
    }

    /// One peer as the datapath sees it.
    package struct Peer: Sendable, Equatable {
        /// No two peers share one.
        package var name: String
        /// The prefixes that this peer, and only it, claims.
        package var subnets: [IPPrefix]
        /// Further prefixes that are reached by way of it.
        package var routes: [IPPrefix]
        /// The node's own addresses, accepted as inner sources.
        package var nodeAddresses: [IPAddress]
        /// Where to send; nil while there is no way to reach it.
        package var endpoint: SocketAddress?
        /// Where else its datagrams might go: inner UDP packets to one of its endpoints, in use or not, are a loop.
        package var furtherEndpoints: [SocketAddress]
        /// The largest outer datagram towards the endpoint in bytes, IP header included, as the route has it.
        package var routeMTU: Int
        /// The outer sources that may bear this peer's packets, besides its endpoint; nil where any may (`loose`).
        package var outerSources: [IPAddress]?
        /// Both ends announce `checksum-deferral`: inner transport checksums may stay partial on the way.
        package var defersChecksums: Bool
        /// The way to the endpoint for a datapath that looks no routes up; nil where there is none, or it is not known.
        package var nextHop: NextHop?
        /// It announces `ebpf`: it also receives without its user-space datapath.
        package var hasKernelPath: Bool
        /// It announces `zero-checksum6`: it takes datagrams over IPv6 that have no UDP checksum (RFC 6935).
        package var acceptsZeroChecksum6: Bool

        package init(
            name: String, subnets: [IPPrefix], routes: [IPPrefix] = [], nodeAddresses: [IPAddress] = [],
            endpoint: SocketAddress? = nil, furtherEndpoints: [SocketAddress] = [], routeMTU: Int = 1500,
            outerSources: [IPAddress]? = nil, defersChecksums: Bool = false, nextHop: NextHop? = nil,
            hasKernelPath: Bool = false, acceptsZeroChecksum6: Bool = false
        ) {
            self.name = name
            self.subnets = subnets
            self.routes = routes
            self.nodeAddresses = nodeAddresses
            self.endpoint = endpoint
            self.furtherEndpoints = furtherEndpoints
            self.routeMTU = routeMTU
            self.outerSources = outerSources
            self.defersChecksums = defersChecksums
            self.nextHop = nextHop
            self.hasKernelPath = hasKernelPath
            self.acceptsZeroChecksum6 = acceptsZeroChecksum6
        }
    }

    package var local: Local
    package var peers: [Peer]

    package init(local: Local = Local(), peers: [Peer] = []) {
        self.local = local
        self.peers = peers
    }
}

/// What becomes different in a plan. A peer that it does not name stays as it is, and loses no packet.
package struct ForwardingChange: Sendable, Equatable {
    package var local: ForwardingPlan.Local
    /// The names of peers that are no more.
    package var removed: [String]
    /// Peers that are new, or not what they were.
    package var updated: [ForwardingPlan.Peer]

    package init(local: ForwardingPlan.Local, removed: [String] = [], updated: [ForwardingPlan.Peer] = []) {
        self.local = local
        self.removed = removed
        self.updated = updated
    }
}
