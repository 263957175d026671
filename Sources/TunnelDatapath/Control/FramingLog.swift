import Addressing
internal import Logging
internal import PacketPath

/// Warns of nodes whose `framing` is not ours, each once in a while.
struct FramingLog {
    /// In seconds.
    private static let pause: Int64 = 600
    /// Outer sources can be forged: no more of them are remembered at a time.
    private static let limit = 256

    private var told: [IPAddress: Int64] = [:]

    /// - Parameter now: Seconds of the monotonic clock.
    mutating func tell(_ source: IPAddress, _ plan: ForwardingPlan, _ log: Logger, now: Int64) {
        if told.count >= Self.limit { told = told.filter { now - $0.value < Self.pause } }
        guard told.count < Self.limit, told[source].map({ now - $0 >= Self.pause }) ?? true else { return }
        told[source] = now
        let peer = plan.peers.first { peer in
            peer.endpoint?.address == source || peer.outerSources?.contains(source) == true
                || peer.nodeAddresses.contains(source)
        }
        log.warning(
            "a node sends with another framing; its datagrams are dropped: set the same framing on every node",
            metadata: ["node": "\(peer?.name ?? "unknown")", "source": "\(source)"])
    }
}
