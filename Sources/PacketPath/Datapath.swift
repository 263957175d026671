package import Addressing
package import Host
package import Overlay

/// What carries packets between this node's tunnel device and its peers. Few verbs, so that implementations know
/// nothing of files, sockets and settings, and nothing of each other.
package protocol Datapath: AnyObject, Sendable {
    /// The name in settings, `status` and the metrics.
    var name: String { get }
    /// What the kernel does for it, for people to read.
    var offloads: String { get }

    /// Its programs and maps in the kernel; nil where it has none.
    var kernel: KernelReport? { get }

    /// Puts a plan in force, for all packets at once. What it has in common with the former one loses no packet.
    ///
    /// - Throws: Where the kernel does not take it; to be tried again with the whole plan.
    func replace(_ plan: ForwardingPlan) throws(SystemError)

    /// Changes the plan in force, in the same way. Costs what the change is worth, however many peers there are.
    func apply(_ change: ForwardingChange) throws(SystemError)

    /// What the plan in force says of one peer; nil where it knows none of that name.
    func peer(named name: String) -> ForwardingPlan.Peer?

    /// The name of a peer that has something to do with an address outside of the overlay.
    func peerName(at address: IPAddress) -> String?

    /// What was carried and dropped since the start.
    func totals() -> CounterTotals

    /// Where these peers' datagrams go and what was carried for each; nil for one that is not in the plan. Meant for
    /// a few hundred at a time: changes of the plan wait for the answer.
    func peerStatus(_ names: ArraySlice<String>) -> [PeerStatus?]

    /// What would become of a packet that the host routes into the tunnel device. Nothing is sent or counted.
    func trace(_ packet: TrialPacket) -> TraceReport

    /// Ends the threads. The tunnel device stays, without a carrier.
    func stop()
}

/// One peer as the datapath knows it at one moment.
package struct PeerStatus: Sendable, Equatable {
    package var endpoint: SocketAddress?
    package var traffic = PeerTraffic()
}

/// What a datapath carried for one peer.
package struct PeerTraffic: Sendable, Equatable {
    package var sentPackets: UInt64 = 0
    package var sentBytes: UInt64 = 0
    package var receivedPackets: UInt64 = 0
    package var receivedBytes: UInt64 = 0
    /// Seconds of the monotonic clock; nil for never.
    package var lastReceived: Int64?

    package init() {}

    /// Adds what another datapath carried for the same peer.
    package mutating func add(_ other: PeerTraffic) {
        sentPackets &+= other.sentPackets
        sentBytes &+= other.sentBytes
        receivedPackets &+= other.receivedPackets
        receivedBytes &+= other.receivedBytes
        lastReceived = [lastReceived, other.lastReceived].compactMap(\.self).max()
    }
}
