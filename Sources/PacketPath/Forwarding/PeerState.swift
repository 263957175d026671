internal import Synchronization

/// What is counted about one peer. Outlives the tables that point at it, so that counts survive a registry change.
final class PeerState: Sendable {
    let sentPackets = Atomic<UInt64>(0)
    let sentBytes = Atomic<UInt64>(0)
    let receivedPackets = Atomic<UInt64>(0)
    let receivedBytes = Atomic<UInt64>(0)
    /// When the last packet came, in seconds of the monotonic clock; 0 for never.
    let lastReceived = Atomic<Int64>(0)

    @inline(__always)
    func countSent(packets: Int, bytes: Int) {
        sentPackets.wrappingAdd(UInt64(truncatingIfNeeded: packets), ordering: .relaxed)
        sentBytes.wrappingAdd(UInt64(truncatingIfNeeded: bytes), ordering: .relaxed)
    }

    @inline(__always)
    func countReceived(packets: Int, bytes: Int, now: Int64) {
        receivedPackets.wrappingAdd(UInt64(truncatingIfNeeded: packets), ordering: .relaxed)
        receivedBytes.wrappingAdd(UInt64(truncatingIfNeeded: bytes), ordering: .relaxed)
        lastReceived.store(now, ordering: .relaxed)
    }
}

/// How large a datagram the path to one outer address carries. Shared by the peers behind that address.
package final class PathState: Sendable {
    /// How long a size that the network reported is believed, as in the kernel (net.ipv4.route.mtu_expires).
    package static let lifetime: Int64 = 600

    private let routeMTU: Atomic<Int>
    private let learnedMTU = Atomic<Int>(0)
    private let learnedUntil = Atomic<Int64>(0)

    /// - Parameter routeMTU: The outer MTU of the route, in bytes.
    init(routeMTU: Int) { self.routeMTU = Atomic(routeMTU) }

    /// Follows a change of the route.
    func setRouteMTU(_ mtu: Int) { routeMTU.store(mtu, ordering: .relaxed) }

    /// Takes note of a size that the network reported.
    ///
    /// - Returns: True where it is news.
    func learn(_ mtu: Int, now: Int64) -> Bool {
        let isNew = self.mtu(now: now) > mtu
        learnedMTU.store(mtu, ordering: .relaxed)
        learnedUntil.store(now + Self.lifetime, ordering: .relaxed)
        return isNew
    }

    /// The largest outer datagram, IP header included, in bytes. `now` is in seconds of the monotonic clock.
    @inline(__always)
    func mtu(now: Int64) -> Int {
        let route = routeMTU.load(ordering: .relaxed)
        guard now < learnedUntil.load(ordering: .relaxed) else { return route }
        return min(route, learnedMTU.load(ordering: .relaxed))
    }
}
