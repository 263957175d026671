internal import Host
internal import Synchronization

/// Where the control thread puts what it knows, and the status thread takes it from.
final class StatusBoard: Sendable {
    private let reporter = Mutex<StatusReporter?>(nil)
    private let started = monotonicSeconds()

    /// Replaces what is shown. The report itself is made when someone asks.
    func publish(_ reporter: StatusReporter) {
        self.reporter.withLock { $0 = reporter }
    }

    /// What to tell of at this moment; nil before the first publication.
    func current() -> (reporter: StatusReporter, uptime: Int)? {
        reporter.withLock { $0 }.map { ($0, Int(monotonicSeconds() - started)) }
    }
}
