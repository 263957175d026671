import Addressing
internal import Glibc
internal import Host

/// The thread that carries packets from the tunnel device to the peers. In the order in which a packet meets it:
/// wait, read a batch, decide for each packet, send what goes over IPv4, send what goes over IPv6.
final class OutboundLoop {
    private let device: TunDevice
    private let sockets: TunnelSockets
    private let cell: TableCell
    private let reader: Int
    private let counters: Counters
    private let buffers = PacketBuffers(count: DatagramBatch.capacity)
    private let scratch = PacketBuffers(count: 1)
    private var batchV4 = DatagramBatch()
    private var batchV6 = DatagramBatch()
    /// An error for each lost packet would let a flood of packets become a flood of errors (RFC 4443 section 2.4 (f)).
    private var errorLimit = RateLimit(rate: 200, burst: 64)

    init(device: TunDevice, sockets: TunnelSockets, cell: TableCell, reader: Int, counters: Counters) {
        self.device = device
        self.sockets = sockets
        self.cell = cell
        self.reader = reader
        self.counters = counters
    }

    private enum BatchEnd {
        case more, drained, deviceGone
    }

    /// Carries packets until `stop` is signalled, or until the device is gone, which `lost` then tells.
    func run(stop: Event, lost: Event) {
        var happened = Wait([(stop.descriptor, Wait.readable), (device.descriptor, Wait.readable)])
        while true {
            happened.sleep()
            if happened[0] != 0 { return }
            var end = BatchEnd.more
            for _ in 0..<DatagramBatch.batchesPerWait where end == .more {
                cell.read(as: reader) { end = carryBatch($0) }
            }
            if end == .deviceGone || happened[1] & Wait.failed != 0 {
                lost.signal()
                return
            }
        }
    }

    private func carryBatch(_ table: ForwardingTable) -> BatchEnd {
        let now = monotonicSeconds()
        var end = BatchEnd.more
        var used = 0
        // Bounded by what is read, not by what is sent: where all is dropped, the table must not be held for ever.
        reading: for _ in 0..<DatagramBatch.capacity {
            switch device.read(into: buffers[used]) {
            case .packet(let packet):
                // A packet that was dropped leaves its buffer to the next one.
                if carry(packet, table, now: now) { used += 1 }
            case .empty:
                end = .drained
                break reading
            case .gone:
                end = .deviceGone
                break reading
            }
        }
        flush(table, now: now)
        return end
    }

    /// - Returns: True where the packet waits in a batch, so that its buffer is in use until the flush.
    private func carry(_ packet: PacketView, _ table: ForwardingTable, now: Int64) -> Bool {
        switch Outbound.decide(packet, table, now: now) {
        case .send(let peer, let trafficClass, mayFragment: false):
            append(packet, to: peer, trafficClass: trafficClass)
            return true
        case .send(let peer, let trafficClass, mayFragment: true):
            flush(table, now: now)
            let socket = peer.endpointFamily == .v4 ? sockets.v4 : sockets.v6
            socket?.allowFragments(true)
            append(packet, to: peer, trafficClass: trafficClass)
            flush(table, now: now)
            socket?.allowFragments(false)
        case .split(let peer, let trafficClass, let mtu):
            guard let inner = InnerPacket(packet) else { return false }
            let isSplit = Fragmenter.split(inner, mtu: mtu, buffer: scratch[0]) { fragment in
                append(fragment, to: peer, trafficClass: trafficClass)
                flush(table, now: now)
            }
            if isSplit { counters.add(.fragmented) } else { counters.drop(.malformed) }
        case .reject(let reason, let error, let inner):
            counters.drop(reason)
            answer(error, about: inner, table)
        case .drop(let reason):
            counters.drop(reason)
        }
        return false
    }

    private func append(_ packet: PacketView, to peer: ForwardingTable.Peer, trafficClass: UInt8) {
        if peer.endpointFamily == .v4 {
            batchV4.append(packet, to: peer, trafficClass: trafficClass)
        } else {
            batchV6.append(packet, to: peer, trafficClass: trafficClass)
        }
    }

    private func flush(_ table: ForwardingTable, now: Int64) {
        if batchV4.count > 0, let socket = sockets.v4 {
            count(batchV4.send(on: socket) { self.refuse($0, $1, table) })
        }
        if batchV6.count > 0, let socket = sockets.v6 {
            count(batchV6.send(on: socket) { self.refuse($0, $1, table) })
        }
    }

    private func count(_ sent: (packets: Int, bytes: Int)) {
        counters.add(.sentPackets, sent.packets)
        counters.add(.sentBytes, sent.bytes)
    }

    /// The kernel did not take the datagram around `packet`. Where the path turned out to be narrower than we knew,
    /// the kernel has just told the socket how narrow, and the sender is told.
    private func refuse(_ packet: PacketView, _ code: Int32, _ table: ForwardingTable) {
        if code == EMSGSIZE {
            sockets.learnPathMTUs(table, counters: counters)
            if case .reject(let reason, let error, let inner) = Outbound.decide(packet, table, now: monotonicSeconds())
            {
                counters.drop(reason)
                answer(error, about: inner, table)
                return
            }
        }
        counters.drop(.sendFailed)
    }

    /// Writes an ICMP error back to the sender of `packet`, through the device that it came from.
    private func answer(_ error: ICMPError.Reason, about packet: InnerPacket, _ table: ForwardingTable) {
        guard let source = packet.family == .v4 ? table.tunnelV4 : table.tunnelV6 else { return }
        guard errorLimit.allow(now: monotonicNanoseconds()) else {
            counters.add(.errorsSuppressed)
            return
        }
        let buffer = scratch[0]
        guard let length = ICMPError.write(error, about: packet, from: source, into: buffer) else { return }
        if device.write(buffer.prefix(length)) { counters.add(.errorsSent) }
    }
}
