import Addressing
internal import Logging

/// Warns of nodes whose `framing` is not ours, each once in a while.
struct FramingLog {
    /// In seconds.
    private static let pause: Int64 = 600
    /// Outer sources can be forged: no more of them are remembered at a time.
    private static let limit = 256

    private var told: [IPAddress: Int64] = [:]

    /// - Parameters:
    ///   - peer: Whose address `source` is, where that is known.
    ///   - now: Seconds of the monotonic clock.
    mutating func tell(_ source: IPAddress, of peer: String?, _ log: Logger, now: Int64) {
        if told.count >= Self.limit { told = told.filter { now - $0.value < Self.pause } }
        guard told.count < Self.limit, told[source].map({ now - $0 >= Self.pause }) ?? true else { return }
        told[source] = now
        log.warning(
            "a node sends with another framing; its datagrams are dropped: set the same framing on every node",
            metadata: ["node": "\(peer ?? "unknown")", "source": "\(source)"])
    }
}
