/// How long to wait before the next attempt: longer after each failure, and never the same on two nodes, or all of a
/// cluster's nodes would come back to an API server at once.
public struct Backoff: Sendable {
    /// In milliseconds.
    private let first: Int64
    private let longest: Int64
    private var failures = 0

    /// - Parameters:
    ///   - first: The mean wait after the first failure, in milliseconds.
    ///   - longest: The most that any wait lasts, in milliseconds.
    public init(first: Int64 = 1000, longest: Int64 = 60_000) {
        self.first = first
        self.longest = longest
    }

    /// To be called when something has worked.
    public mutating func succeeded() { failures = 0 }

    /// - Parameters:
    ///   - retryAfter: What the server asks for, in seconds.
    ///   - randomness: From 0 to below 1.
    /// - Returns: Milliseconds: half of the wait is sure, half is up to chance.
    public mutating func next(
        retryAfter: Int64? = nil, randomness: Double = Double.random(in: 0..<1)
    ) -> Int64 {
        let doubled = first << Int64(min(failures, 16))
        failures += 1
        let wait = min(doubled, longest)
        let own = wait / 2 + Int64(Double(wait / 2) * randomness)
        guard let retryAfter else { return own }
        // A server that asks for hours means well, but a node that hears nothing for so long helps nobody.
        let asked = min(max(retryAfter, 0), 600) * 1000
        return max(own, asked + Int64(Double(min(asked, 5000)) * randomness))
    }
}
