package import Addressing
package import Host
package import Overlay
internal import Synchronization

/// The user-space datapath: a TUN device on one side, UDP sockets on the other; for each queue of the device a thread
/// for each direction.
package final class TunDatapath: Datapath {
    package let name = "tun"
    /// Signalled when the device was removed under us: this datapath is of no more use, and a new one is due.
    package let lost: Event
    package let framingAlarm: FramingAlarm
    /// Signalled when ``learnedMTUs()`` has more to tell.
    package let learned: Event
    /// What the kernel does for us, for people to read.
    package let offloads: String
    package var kernel: KernelReport? { nil }
    private let port: UInt16
    private let options: TunOptions
    /// Nil when stopped: it holds the port.
    private let greeting: Mutex<Greeting?>
    private let stopped: Event
    private let cell: TableCell
    /// For each queue those of the outbound and of the inbound thread.
    private let counters: [Counters]
    private let directory: Mutex<ForwardingDirectory>
    private let workers = Mutex<[Worker]>([])
    /// After how many batches a loop looks again at what else there is to do.
    static let batchesPerWait = 8

    /// Opens the device and the UDP port, and starts to carry packets by `plan`.
    package init(
        device name: String, port: UInt16, options: TunOptions, plan: ForwardingPlan
    ) throws(SystemError) {
        (self.port, self.options) = (port, options)
        lost = try Event()
        stopped = try Event()
        learned = try Event()
        framingAlarm = try FramingAlarm()
        let directory = ForwardingDirectory(plan)
        counters = (0..<options.queues * 2).map { _ in Counters() }
        cell = TableCell(directory.table, readers: counters.count)
        self.directory = Mutex(directory)

        // The port first: where another program holds it, the device keeps its missing carrier.
        var sockets: [TunnelSockets] = []
        for _ in 0..<options.queues {
            sockets.append(
                try TunnelSockets(port: port, options: options, isShared: options.queues > 1, learned: learned))
        }
        greeting = Mutex(Greeting(sockets.first ?? .none, options.framing))
        var devices: [TunDevice] = []
        for _ in 0..<options.queues { devices.append(try TunDevice(name: name, offload: options.batches)) }
        offloads = Self.describe(devices.first, options)
        do throws(SystemError) {
            for (queue, (device, sockets)) in zip(devices, sockets).enumerated() {
                try start(queue, device, sockets, options)
            }
        } catch {
            stop()
            throw error
        }
    }

    private func start(
        _ queue: Int, _ device: TunDevice, _ sockets: TunnelSockets, _ options: TunOptions
    ) throws(SystemError) {
        let (cell, stopped, lost, alarm) = (cell, stopped, lost, framingAlarm)
        let (outbound, inbound) = (queue * 2, queue * 2 + 1)
        let (sent, received) = (counters[outbound], counters[inbound])
        try add(
            Worker(name: "warrens-out\(queue)") {
                var loop = OutboundLoop(
                    device: device, sockets: sockets, cell: cell, reader: outbound, counters: sent,
                    options: options)
                loop.run(stop: stopped, lost: lost)
            })
        try add(
            Worker(name: "warrens-in\(queue)") {
                var loop = InboundLoop(
                    device: device, sockets: sockets, cell: cell, reader: inbound, counters: received, alarm: alarm,
                    options: options)
                loop.run(stop: stopped)
            })
    }

    private static func describe(_ device: TunDevice?, _ options: TunOptions) -> String {
        var parts: [String] = []
        if options.framing != .raw { parts.append("framing \(options.framing)") }
        guard let device, options.batches else { return (parts + ["batching off"]).joined(separator: ", ") }
        if device.hasTCPSegmentation { parts.append("TCP segmentation") }
        if device.hasUDPSegmentation { parts.append("UDP segmentation") }
        parts.append("\(options.queues) queue\(options.queues == 1 ? "" : "s")")
        if options.hashesSourcePorts { parts.append("\(SourcePorts.count) source ports") }
        return parts.joined(separator: ", ")
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

    /// The longest outer datagrams, in bytes, that the network has reported to pass to peers' endpoints, where that is
    /// less than the routes say. Each is forgotten after ``PathState/lifetime``.
    package func learnedMTUs() -> [IPAddress: Int] { directory.withLock { $0.learnedMTUs(now: monotonicSeconds()) } }

    /// Sends each of these peers an echo request, from the port of the tunnel and in user space: firewalls on this host and
    /// on the way see it, and let in what the peers send.
    ///
    /// - Parameter addresses: This node's own on the tunnel.
    package func greet(_ names: ArraySlice<String>, from addresses: [IPAddress]) {
        let peers = directory.withLock { directory in names.compactMap { directory.peer(named: $0) } }
        greeting.withLock { greeting in
            for peer in peers { greeting?.send(to: peer, from: addresses) }
        }
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

    package func trace(_ packet: TrialPacket) -> TraceReport {
        var report = directory.withLock { $0.trace(packet, options.framing, now: monotonicSeconds()) }
        report.sourcePort = options.hashesSourcePorts ? nil : port
        return report
    }

    package func stop() {
        stopped.signal()
        let workers = workers.withLock { workers in
            defer { workers = [] }
            return workers
        }
        for worker in workers { worker.join() }
        greeting.withLock { $0 = nil }
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
