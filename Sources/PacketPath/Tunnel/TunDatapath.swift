import Addressing
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
    private let known: Mutex<Known>
    private let workers = Mutex<[Worker]>([])

    /// What outlives one plan: counts by peer, path MTUs by outer address.
    private struct Known {
        var states: [String: PeerState] = [:]
        var paths: [IPAddress: PathState] = [:]
        package var plan: ForwardingPlan
    }

    package var plan: ForwardingPlan { known.withLock { $0.plan } }

    private static let outbound = 0
    private static let inbound = 1

    /// Starts to carry packets by `plan`.
    package init(device: TunDevice, sockets: TunnelSockets, plan: ForwardingPlan) throws(SystemError) {
        lost = try Event()
        stopped = try Event()
        framingAlarm = try FramingAlarm()
        var known = Known(plan: plan)
        let table = ForwardingTable(plan, states: &known.states, paths: &known.paths)
        self.known = Mutex(known)
        cell = TableCell(table, readers: counters.count)
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

    package func apply(_ plan: ForwardingPlan) {
        var known = known.withLock { $0 }
        guard plan != known.plan else { return }
        known.plan = plan
        let table = ForwardingTable(plan, states: &known.states, paths: &known.paths)
        self.known.withLock { $0 = known }
        cell.replace(table)
    }

    package func totals() -> CounterTotals { CounterTotals(counters) }

    package func peerTraffic() -> [String: PeerTraffic] {
        known.withLock { $0.states }.mapValues { state in
            let last = state.lastReceived.load(ordering: .relaxed)
            return PeerTraffic(
                sentPackets: state.sentPackets.load(ordering: .relaxed),
                sentBytes: state.sentBytes.load(ordering: .relaxed),
                receivedPackets: state.receivedPackets.load(ordering: .relaxed),
                receivedBytes: state.receivedBytes.load(ordering: .relaxed),
                lastReceived: last == 0 ? nil : last)
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
