import Addressing
internal import Host
internal import KernelPath
internal import Overlay
internal import PacketPath

/// The kernel's datapath with the user-space one behind it, for what the kernel's programs decline. Both always have the
/// same plan, so that it does not matter who carries a packet.
final class LayeredDatapath: Datapath {
    private let kernelPath: KernelPath
    /// What merges received packets.
    private let aggregation: String
    private let user: TunDatapath

    init(_ kernel: KernelPath, aggregation: String, over user: TunDatapath) {
        kernelPath = kernel
        self.aggregation = aggregation
        self.user = user
    }

    var name: String { "ebpf" }

    var offloads: String { "\(kernelPath.summary); \(aggregation); behind it tun: \(user.offloads)" }

    var kernel: KernelReport? {
        var report = kernelPath.report
        report.aggregation = aggregation
        return report
    }

    func replace(_ plan: ForwardingPlan) throws(SystemError) {
        user.replace(plan)
        try kernelPath.replace(plan)
    }

    func apply(_ change: ForwardingChange) throws(SystemError) {
        user.apply(change)
        try kernelPath.apply(change)
    }

    func peer(named name: String) -> ForwardingPlan.Peer? { user.peer(named: name) }

    func peerName(at address: IPAddress) -> String? { user.peerName(at: address) }

    func totals() -> CounterTotals {
        var totals = user.totals()
        kernelPath.addCounters(to: &totals)
        return totals
    }

    func peerStatus(_ names: ArraySlice<String>) -> [PeerStatus?] {
        zip(names, user.peerStatus(names)).map { name, status in
            guard var status, let carried = kernelPath.traffic(of: name) else { return status }
            status.traffic.add(carried)
            return status
        }
    }

    func trace(_ packet: TrialPacket) -> TraceReport {
        var report = user.trace(packet)
        report.datapath = name
        // Where the kernel holds the port, what the daemon sends by its own has this one on the wire.
        if report.sourcePort != nil { report.sourcePort = kernelPath.options.port }
        report.kernel = kernelPath.trace(
            packet, to: report.peer.flatMap { user.peer(named: $0.name) }, overhead: report.path?.overhead ?? 0)
        return report
    }

    /// Ends the user-space half. The kernel's stays, for the next `warrensd` to take over.
    func stop() { user.stop() }
}
