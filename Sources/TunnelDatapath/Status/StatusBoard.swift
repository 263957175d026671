internal import Host
internal import Overlay
internal import PacketPath
internal import Synchronization

/// Where the control thread puts what it knows, and the status thread takes it from.
final class StatusBoard: Sendable {
    private struct State {
        var report: StatusReport?
        var datapath: (any Datapath)?
    }

    private let state = Mutex(State())
    private let started = monotonicSeconds()

    /// Replaces what is shown. Counters and traffic are filled in when someone asks.
    func publish(_ report: StatusReport, datapath: any Datapath) {
        state.withLock { $0 = State(report: report, datapath: datapath) }
    }

    /// What to tell at this moment; nil before the first publication.
    func report() -> (report: StatusReport, totals: CounterTotals)? {
        let state = state.withLock { $0 }
        guard var report = state.report, let datapath = state.datapath else { return nil }
        let totals = datapath.totals()
        let traffic = datapath.peerTraffic()
        let now = monotonicSeconds()
        report.uptime = Int(now - started)
        for counter in TrafficCounter.allCases { report.counters[counter.name] = totals[counter] }
        for reason in DropReason.allCases { report.counters["drop.\(reason.name)"] = totals[reason] }
        for index in report.peers.indices {
            guard let carried = traffic[report.peers[index].name] else { continue }
            report.peers[index].sent = .init(packets: carried.sentPackets, bytes: carried.sentBytes)
            report.peers[index].received = .init(packets: carried.receivedPackets, bytes: carried.receivedBytes)
            report.peers[index].lastReceived = carried.lastReceived.map { Int(now - $0) }
        }
        return (report, totals)
    }
}
