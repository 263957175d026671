import Addressing
internal import Host
internal import Resolver
internal import Synchronization

/// Keeps the addresses of the peers' host names, on a thread of its own: a name server may take seconds to answer, or
/// not answer at all. The thread starts with the first name; most clusters have none.
final class NameResolver: Sendable {
    /// Signalled when ``addresses`` have changed.
    let changed: Event
    private let stopped: Event
    private let wanted: Event
    private let state = Mutex(State())

    private struct State {
        var schedule = NameSchedule()
        var worker: Worker?
    }

    /// As many names as are asked for at once.
    private static let batch = 64

    init() throws(SystemError) {
        changed = try Event()
        stopped = try Event()
        wanted = try Event()
    }

    /// What is known of each name.
    var addresses: [String: [IPAddress]] { state.withLock { $0.schedule.addresses } }

    /// Sets which names to look up from now on.
    func want(_ names: Set<String>) throws(SystemError) {
        let needsWorker = state.withLock { state in
            let former = state.schedule
            state.schedule.want(names)
            if state.schedule != former { wanted.signal() }
            return state.worker == nil && !names.isEmpty
        }
        guard needsWorker else { return }
        let worker = try Worker(name: "warrens-names") { [self] in run() }
        state.withLock { $0.worker = worker }
    }

    func stop() {
        stopped.signal()
        state.withLock { $0.worker }?.join()
    }

    private func run() {
        while true {
            let now = monotonicSeconds()
            let (due, next) = state.withLock { ($0.schedule.due(now: now), $0.schedule.next) }
            if due.isEmpty {
                let seconds = next.map { Int32(clamping: ($0 - now) * 1000) } ?? -1
                let happened = Wait.forAny(
                    [(stopped.descriptor, Wait.readable), (wanted.descriptor, Wait.readable)], milliseconds: seconds)
                if happened[0] != 0 { return }
                wanted.clear()
                continue
            }
            guard lookUp(Array(due.prefix(Self.batch))) else { return }
        }
    }

    /// - Returns: False where it is time to stop.
    private func lookUp(_ names: [String]) -> Bool {
        let answers = HostLookup.addresses(of: names, stop: stopped.descriptor)
        if Wait.forAny([(stopped.descriptor, Wait.readable)], milliseconds: 0)[0] != 0 { return false }
        let now = monotonicSeconds()
        let isNews = state.withLock { state in
            let former = state.schedule.addresses
            for (name, answer) in zip(names, answers) {
                if answer.addresses.isEmpty {
                    state.schedule.failed(name, now: now)
                } else {
                    state.schedule.resolved(name, answer.addresses, life: answer.life, now: now)
                }
            }
            return state.schedule.addresses != former
        }
        if isNews { changed.signal() }
        return true
    }
}
