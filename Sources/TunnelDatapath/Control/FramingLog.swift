import Addressing
internal import Logging

/// Warns of nodes whose `framing` is not ours, each once in a while.
struct FramingLog {
    private struct Sender {
        /// Whose address it is; nil for nobody's that we know.
        var node: String?
        /// When it was last told of, and when it last sent, in seconds of the monotonic clock.
        var told: Int64
        var seen: Int64
    }

    /// In seconds.
    private static let pause: Int64 = 600
    /// Outer sources can be forged: no more of them are remembered at a time.
    private static let limit = 256

    private var senders: [IPAddress: Sender] = [:]

    /// When each node that is known by its name last sent with another framing, in seconds of the monotonic clock.
    var nodes: [String: Int64] {
        let named = senders.values.compactMap { sender in sender.node.map { ($0, sender.seen) } }
        return Dictionary(named, uniquingKeysWith: max)
    }

    /// - Parameters:
    ///   - peer: Whose address `source` is, where that is known.
    ///   - framing: What this node understands.
    ///   - now: Seconds of the monotonic clock.
    mutating func tell(_ source: IPAddress, of peer: String?, expecting framing: String, _ log: Logger, now: Int64) {
        if senders.count >= Self.limit { senders = senders.filter { now - $0.value.seen < Self.pause } }
        let former = senders[source]
        guard former != nil || senders.count < Self.limit else { return }
        let last = former.map(\.told)
        let isDue = last.map { now - $0 >= Self.pause } ?? true
        senders[source] = Sender(node: peer, told: isDue ? now : last ?? now, seen: now)
        guard isDue else { return }
        log.warning(
            "a node sends with another framing; its datagrams are dropped: set the same framing on every node",
            metadata: ["node": "\(peer ?? "unknown")", "source": "\(source)", "framing here": "\(framing)"])
    }
}
