import Addressing
internal import Host
internal import KernelPath
internal import PacketPath

/// The kernel's datapath with the user-space one behind it, for what the kernel's programs decline. Both always have the
/// same plan, so that it does not matter who carries a packet.
final class LayeredDatapath: Datapath {
    let kernel: KernelPath
    /// What merges received packets.
    private let aggregation: String
    private let user: TunDatapath

    init(_ kernel: KernelPath, aggregation: String, over user: TunDatapath) {
        self.kernel = kernel
        self.aggregation = aggregation
        self.user = user
    }

    var name: String { "ebpf" }

    var offloads: String { "\(kernel.summary); \(aggregation); behind it tun: \(user.offloads)" }

    var parts: [String] { kernel.parts }

    func replace(_ plan: ForwardingPlan) throws(SystemError) {
        user.replace(plan)
        try kernel.replace(plan)
    }

    func apply(_ change: ForwardingChange) throws(SystemError) {
        user.apply(change)
        try kernel.apply(change)
    }

    func peer(named name: String) -> ForwardingPlan.Peer? { user.peer(named: name) }

    func peerName(at address: IPAddress) -> String? { user.peerName(at: address) }

    func totals() -> CounterTotals {
        var totals = user.totals()
        kernel.addCounters(to: &totals)
        return totals
    }

    func peerStatus(_ names: ArraySlice<String>) -> [PeerStatus?] {
        zip(names, user.peerStatus(names)).map { name, status in
            guard var status, let carried = kernel.traffic(of: name) else { return status }
            status.traffic.add(carried)
            return status
        }
    }

    /// Ends the user-space half. The kernel's stays, for the next `warrensd` to take over.
    func stop() { user.stop() }
}
