import Addressing

/// When each host name is to be looked up, and what it meant the last time that somebody knew. Times are in seconds of
/// the monotonic clock.
struct NameSchedule: Equatable {
    /// What a time to live may ask for, in seconds: not to burden a name server, and to follow a dynamic address.
    static let shortestLife: Int64 = 30
    static let longestLife: Int64 = 3600
    /// How long a failure is believed: doubled each time.
    static let firstRetry: Int64 = 5
    static let longestRetry: Int64 = 300

    private struct Entry: Equatable {
        var addresses: [IPAddress] = []
        var due: Int64 = 0
        var retry = NameSchedule.firstRetry
    }

    private var entries: [String: Entry] = [:]

    /// The last good addresses of each name that has any, in a steady order.
    var addresses: [String: [IPAddress]] {
        entries.mapValues(\.addresses).filter { !$0.value.isEmpty }
    }

    /// Sets which names matter; what is known of those that still do is kept.
    mutating func want(_ names: Set<String>) {
        entries = entries.filter { names.contains($0.key) }
        for name in names where entries[name] == nil { entries[name] = Entry() }
    }

    func due(now: Int64) -> [String] {
        entries.filter { $0.value.due <= now }.keys.sorted()
    }

    /// When the next name is due; nil where there is none.
    var next: Int64? { entries.values.map(\.due).min() }

    /// - Parameter life: How long the answer holds, in seconds; 0 where it does not say.
    mutating func resolved(_ name: String, _ addresses: [IPAddress], life: Int, now: Int64) {
        guard entries[name] != nil else { return }
        let life = min(max(Int64(life), Self.shortestLife), Self.longestLife)
        // Name servers rotate their answers; that is no change.
        entries[name] = Entry(addresses: Set(addresses).sorted(), due: now + life)
    }

    /// The last good addresses stay in force.
    mutating func failed(_ name: String, now: Int64) {
        guard var entry = entries[name] else { return }
        entry.due = now + entry.retry
        entry.retry = min(entry.retry * 2, Self.longestRetry)
        entries[name] = entry
    }
}
