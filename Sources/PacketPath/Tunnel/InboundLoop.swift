import Addressing
internal import Host

/// The thread that carries packets from the peers to the tunnel device. In the order in which a datagram meets it:
/// wait, receive a batch, decide for each datagram, hand its packet to the kernel.
final class InboundLoop {
    private let device: TunDevice
    private let sockets: TunnelSockets
    private let cell: TableCell
    private let reader: Int
    private let counters: Counters
    private let buffers = PacketBuffers(count: DatagramBatch.capacity)
    private let alarm: FramingAlarm
    private var alarmLimit = RateLimit(rate: 1, burst: 1)
    private var batch = DatagramBatch()

    init(
        device: TunDevice, sockets: TunnelSockets, cell: TableCell, reader: Int, counters: Counters,
        alarm: FramingAlarm
    ) {
        self.alarm = alarm
        self.device = device
        self.sockets = sockets
        self.cell = cell
        self.reader = reader
        self.counters = counters
    }

    /// Carries packets until `stop` is signalled.
    func run(stop: Event) {
        var happened = Wait([
            (stop.descriptor, Wait.readable),
            (sockets.v4?.descriptor ?? -1, Wait.readable),
            (sockets.v6?.descriptor ?? -1, Wait.readable),
        ])
        while true {
            happened.sleep()
            if happened[0] != 0 { return }
            if (happened[1] | happened[2]) & Wait.failed != 0 {
                cell.read(as: reader) { sockets.learnPathMTUs($0, counters: counters) }
            }
            if let socket = sockets.v4, happened[1] & Wait.readable != 0 { drain(socket) }
            if let socket = sockets.v6, happened[2] & Wait.readable != 0 { drain(socket) }
        }
    }

    /// Carries what waits on one socket, but no more than a share: a flood over one family must starve neither the
    /// other one nor ``run(stop:)``'s look at `stop`.
    private func drain(_ socket: TunnelSocket) {
        for _ in 0..<DatagramBatch.batchesPerWait {
            cell.read(as: reader) { carryBatch(from: socket, $0) }
            if !batch.isFull { return }
        }
    }

    private func carryBatch(from socket: TunnelSocket, _ table: ForwardingTable) {
        batch.receive(on: socket, into: buffers)
        let now = monotonicSeconds()
        for index in 0..<batch.count {
            let datagram = batch[index]
            guard !datagram.isTruncated else {
                counters.drop(.truncated)
                continue
            }
            let packet = buffers[index].prefix(datagram.length)
            switch Inbound.decide(packet, from: datagram.source, outerClass: datagram.trafficClass, table) {
            case .deliver(let peer):
                guard device.write(packet) else {
                    counters.drop(.deliveryFailed)
                    continue
                }
                counters.add(.receivedPackets)
                counters.add(.receivedBytes, packet.count)
                unsafe peer.state.countReceived(bytes: packet.count, now: now)
            case .drop(let reason):
                counters.drop(reason)
                if reason == .otherFraming, alarmLimit.allow(now: monotonicNanoseconds()) {
                    alarm.raise(datagram.source)
                }
            }
        }
    }
}
