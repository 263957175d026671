internal import Host
internal import Overlay
internal import PacketPath
internal import Synchronization

/// Where the control thread puts what it knows, and the status thread takes it from.
final class StatusBoard: Sendable {
    private let reporter = Mutex<StatusReporter?>(nil)
    private let started = monotonicSeconds()

    /// Replaces what is shown. The report itself is made when someone asks.
    func publish(_ reporter: StatusReporter) {
        self.reporter.withLock { $0 = reporter }
    }

    /// What to tell at this moment; nil before the first publication.
    func report() -> (report: StatusReport, totals: CounterTotals)? {
        guard let reporter = reporter.withLock({ $0 }) else { return nil }
        return reporter.report(uptime: Int(monotonicSeconds() - started))
    }
}
