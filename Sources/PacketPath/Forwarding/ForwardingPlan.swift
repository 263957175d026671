package import Addressing

/// What a datapath needs to know to carry packets: the registry reduced to addresses. A pure value, made by the
/// control side and handed over whole.
package struct ForwardingPlan: Sendable, Equatable {
    /// One peer as the datapath sees it.
    package struct Peer: Sendable, Equatable {
        package var name: String
        /// The prefixes that this peer, and only it, claims.
        package var subnets: [IPPrefix]
        /// Further prefixes that are reached by way of it.
        package var routes: [IPPrefix]
        /// The node's own addresses, accepted as inner sources.
        package var nodeAddresses: [IPAddress]
        /// Where to send; nil while there is no way to reach it.
        package var endpoint: SocketAddress?
        /// The largest outer datagram towards the endpoint in bytes, IP header included, as the route has it.
        package var routeMTU: Int
        /// The outer sources that may bear this peer's packets; nil where any may (`loose`).
        package var outerSources: [IPAddress]?
        /// Both ends announce `checksum-deferral`: inner transport checksums may stay partial on the way.
        package var defersChecksums: Bool

        package init(
            name: String, subnets: [IPPrefix], routes: [IPPrefix] = [], nodeAddresses: [IPAddress] = [],
            endpoint: SocketAddress? = nil, routeMTU: Int = 1500, outerSources: [IPAddress]? = nil,
            defersChecksums: Bool = false
        ) {
            self.name = name
            self.subnets = subnets
            self.routes = routes
            self.nodeAddresses = nodeAddresses
            self.endpoint = endpoint
            self.routeMTU = routeMTU
            self.outerSources = outerSources
            self.defersChecksums = defersChecksums
        }
    }

    /// This node's subnets: what may be delivered here, and what no peer may send from.
    package var ownSubnets: [IPPrefix]
    /// Prefixes that this node offers to its peers (subnet router).
    package var ownRoutes: [IPPrefix]
    /// This node's address on the tunnel, for each family that it has.
    package var tunnelAddresses: [IPAddress]
    /// All endpoints of all peers, whether in use or not: inner UDP packets to one of them are a loop.
    package var knownEndpoints: [SocketAddress]
    package var peers: [Peer]

    package init(
        ownSubnets: [IPPrefix] = [], ownRoutes: [IPPrefix] = [], tunnelAddresses: [IPAddress] = [],
        knownEndpoints: [SocketAddress] = [], peers: [Peer] = []
    ) {
        self.ownSubnets = ownSubnets
        self.ownRoutes = ownRoutes
        self.tunnelAddresses = tunnelAddresses
        self.knownEndpoints = knownEndpoints
        self.peers = peers
    }
}
