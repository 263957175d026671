import Addressing
internal import Overlay

/// Whom to greet when, so that what stands between the nodes lets this one be called: a NAT that has to remember a mapping,
/// or a firewall that lets in answers alone. They forget a conversation in which nobody speaks, most after 30 seconds.
struct KeepAlive {
    private static let usualPeriod = 20
    /// Greets at once; what comes beyond is spread over the period, because each costs a system call.
    private static let most = 1000

    private var position = 0

    /// In seconds; nil where it need not be.
    ///
    /// - Parameters:
    ///   - entry: What the node file says of this node.
    ///   - addresses: This host's own.
    static func period(_ settings: Settings, _ entry: NodeEntry?, own addresses: [IPAddress]) -> Int? {
        if let period = settings.keepalive { return period > 0 ? period : nil }
        guard let entry else { return nil }
        let announced =
            entry.endpoints.map { $0.compactMap { $0.socketAddress?.address } }
            ?? entry.internalAddresses + entry.externalAddresses
        return announced.contains(where: addresses.contains) ? nil : usualPeriod
    }

    /// Takes the next ones in turn.
    ///
    /// - Parameter count: How many peers there are.
    /// - Returns: Their places, and after how many milliseconds to go on.
    mutating func next(of count: Int, period: Int) -> (turn: Range<Int>, wait: Int64) {
        let turns = max((count + Self.most - 1) / Self.most, 1)
        if position >= count { position = 0 }
        let turn = position..<min(position + Self.most, count)
        position = turn.upperBound
        return (turn, Int64(period * 1000 / turns))
    }
}
