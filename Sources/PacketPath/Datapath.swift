/// What carries packets between this node's tunnel device and its peers. Few verbs, so that implementations know
/// nothing of files, sockets and settings, and nothing of each other.
package protocol Datapath: AnyObject, Sendable {
    /// The name in settings, `status` and the metrics.
    var name: String { get }

    /// Puts a plan in force, for all packets at once. What it has in common with the former one loses no packet.
    func apply(_ plan: ForwardingPlan)

    /// The plan in force.
    var plan: ForwardingPlan { get }

    /// What was carried and dropped since the start.
    func totals() -> CounterTotals

    /// What was carried for each peer of the plan in force, by name.
    func peerTraffic() -> [String: PeerTraffic]

    /// Ends the threads. The tunnel device stays, without a carrier.
    func stop()
}

/// What a datapath carried for one peer.
package struct PeerTraffic: Sendable, Equatable {
    package var sentPackets: UInt64 = 0
    package var sentBytes: UInt64 = 0
    package var receivedPackets: UInt64 = 0
    package var receivedBytes: UInt64 = 0
    /// Seconds of the monotonic clock; nil for never.
    package var lastReceived: Int64?
}
