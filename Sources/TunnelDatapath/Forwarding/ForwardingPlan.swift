import Addressing

/// What a datapath needs to know to carry packets: the registry reduced to addresses. A pure value, made by the
/// control side and handed over whole.
struct ForwardingPlan: Sendable, Equatable {
    /// One peer as the datapath sees it.
    struct Peer: Sendable, Equatable {
        var name: String
        /// The prefixes that this peer, and only it, claims.
        var subnets: [IPPrefix]
        /// Further prefixes that are reached by way of it.
        var routes: [IPPrefix] = []
        /// The node's own addresses, accepted as inner sources.
        var nodeAddresses: [IPAddress] = []
        /// Where to send; nil while there is no way to reach it.
        var endpoint: SocketAddress?
        /// The largest outer datagram towards the endpoint in bytes, IP header included, as the route has it.
        var routeMTU = 1500
        /// The outer sources that may bear this peer's packets; nil where any may (`loose`).
        var outerSources: [IPAddress]?
    }

    /// This node's subnets: what may be delivered here, and what no peer may send from.
    var ownSubnets: [IPPrefix] = []
    /// Prefixes that this node offers to its peers (subnet router).
    var ownRoutes: [IPPrefix] = []
    /// This node's address on the tunnel, for each family that it has.
    var tunnelAddresses: [IPAddress] = []
    /// All endpoints of all peers, whether in use or not: inner UDP packets to one of them are a loop.
    var knownEndpoints: [SocketAddress] = []
    var peers: [Peer] = []
}
