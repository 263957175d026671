package import Addressing
package import Host
internal import Synchronization

/// The user-space datapath: a TUN device on one side, UDP sockets on the other, a thread for each direction.
package final class TunDatapath: Datapath {
    package let name = "tun"
    /// Signalled when the device was removed under us: this datapath is of no more use, and a new one is due.
    package let lost: Event
    package let framingAlarm: FramingAlarm
    private let stopped: Event
    private let cell: TableCell
    private let counters = [Counters(), Counters()]
    private let directory: Mutex<ForwardingDirectory>
    private let workers = Mutex<[Worker]>([])

    private static let outbound = 0
    private static let inbound = 1

    /// Starts to carry packets by `plan`.
    package init(device: TunDevice, sockets: TunnelSockets, plan: ForwardingPlan) throws(SystemError) {
        lost = try Event()
        stopped = try Event()
        framingAlarm = try FramingAlarm()
        let directory = ForwardingDirectory(plan)
        cell = TableCell(directory.table, readers: counters.count)
        self.directory = Mutex(directory)
        let (cell, stopped, lost, counters, alarm) = (cell, stopped, lost, counters, framingAlarm)
        do throws(SystemError) {
            try add(
                Worker(name: "warrens-out") {
                    OutboundLoop(
                        device: device, sockets: sockets, cell: cell, reader: Self.outbound,
                        counters: counters[Self.outbound]
                    ).run(stop: stopped, lost: lost)
                })
            try add(
                Worker(name: "warrens-in") {
                    InboundLoop(
                        device: device, sockets: sockets, cell: cell, reader: Self.inbound,
                        counters: counters[Self.inbound], alarm: alarm
                    ).run(stop: stopped)
                })
        } catch {
            stop()
            throw error
        }
    }

    private func add(_ worker: Worker) {
        workers.withLock { $0.append(worker) }
    }

    package func replace(_ plan: ForwardingPlan) {
        change { $0.replace(plan) }
    }

    package func apply(_ change: ForwardingChange) {
        self.change { $0.apply(change) }
    }

    private func change(_ body: (inout ForwardingDirectory) -> Bool) {
        let table = directory.withLock { body(&$0) ? $0.table : nil }
        if let table { cell.replace(table) }
    }

    package func peer(named name: String) -> ForwardingPlan.Peer? { directory.withLock { $0.peer(named: name) } }

    package func peerName(at address: IPAddress) -> String? {
        directory.withLock { $0.name(at: AddressKey(address)) }
    }

    package func totals() -> CounterTotals { CounterTotals(counters) }

    package func peerStatus(_ names: ArraySlice<String>) -> [PeerStatus?] {
        directory.withLock { directory in
            names.map { name in
                guard let peer = directory.peer(named: name), let state = directory.state(of: name) else { return nil }
                return PeerStatus(endpoint: peer.endpoint, traffic: PeerTraffic(state))
            }
        }
    }

    package func stop() {
        stopped.signal()
        let workers = workers.withLock { workers in
            defer { workers = [] }
            return workers
        }
        for worker in workers { worker.join() }
    }
}

extension PeerTraffic {
    fileprivate init(_ state: PeerState) {
        self.init()
        sentPackets = state.sentPackets.load(ordering: .relaxed)
        sentBytes = state.sentBytes.load(ordering: .relaxed)
        receivedPackets = state.receivedPackets.load(ordering: .relaxed)
        receivedBytes = state.receivedBytes.load(ordering: .relaxed)
        let last = state.lastReceived.load(ordering: .relaxed)
        lastReceived = last == 0 ? nil : last
    }
}
