import Addressing
internal import Host

/// The thread that carries packets from the peers to the tunnel device. In the order in which a datagram meets it:
/// wait, receive, decide, join what follows each other, hand it to the kernel.
///
/// Its methods are mutating even where they change nothing: see ``OutboundLoop``.
struct InboundLoop: ~Copyable {
    private let device: TunPort
    private let sockets: TunnelSockets
    private let cell: TableCell
    private let reader: Int
    private let counters: CounterWriter
    /// What `device` and `counters` lead to.
    private let kept: (TunDevice, Counters)
    private let alarm: FramingAlarm
    private var alarmLimit = RateLimit(rate: 1, burst: 1)
    /// Whether a ``FramingHeader`` stands before each packet.
    private let isFramed: Bool
    private var batch: IncomingBatch
    private var delivery = Delivery()
    /// Room for the headers of a packet that is cut here.
    private let headers = PacketMemory(bytes: SuperPacket.longestHeader)
    /// Segments that wait for what may follow them, while ``sender`` is not nil.
    private var run: SegmentRun
    private var sender: ForwardingTable.Peer?

    init(
        device: TunDevice, sockets: TunnelSockets, cell: TableCell, reader: Int, counters: Counters,
        alarm: FramingAlarm, options: TunOptions
    ) {
        self.device = device.port
        kept = (device, counters)
        self.sockets = sockets
        self.cell = cell
        self.reader = reader
        self.counters = counters.writer
        self.alarm = alarm
        isFramed = options.framing.headerLength > 0
        batch = IncomingBatch(isSingle: !options.batches)
        run = SegmentRun(none: batch.nothing)
    }

    /// Carries packets until `stop` is signalled.
    mutating func run(stop: Event) {
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
    private mutating func drain(_ socket: TunnelSocket) {
        for _ in 0..<TunDatapath.batchesPerWait {
            cell.read(as: reader) { carryBatch(from: socket, $0) }
            if !batch.isFull { return }
        }
    }

    private mutating func carryBatch(from socket: TunnelSocket, _ table: ForwardingTable) {
        batch.receive(on: socket)
        let now = monotonicSeconds()
        for index in 0..<batch.count { carry(batch[index], table, now: now) }
    }

    /// Carries what one receive brought.
    @inline(__always)
    mutating func carry(_ received: IncomingBatch.Received, _ table: ForwardingTable, now: Int64) {
        guard !received.isTruncated else {
            counters.drop(.truncated)
            return
        }
        if received.isJoined, let packet = uncut(received.bytes) {
            carryUncut(packet, of: received, table, now: now)
            return
        }
        var rest = received.bytes
        repeat {
            let datagram = rest.prefix(min(received.datagramLength, rest.count))
            rest = rest.suffix(from: datagram.count)
            if isFramed {
                carryFramed(datagram, of: received, table, now: now)
            } else {
                carry(datagram, of: received, table, now: now)
            }
        } while rest.count > 0
        // Runs end with the receive: its datagrams share one outer header and one verified checksum.
        if sender != nil { deliverPending(table, now: now) }
    }

    /// A function of its own, because code for both framings in one slows the usual one down.
    @inline(never)
    private mutating func carryFramed(
        _ datagram: PacketView, of received: IncomingBatch.Received, _ table: ForwardingTable, now: Int64
    ) {
        if let packet = FramingHeader.strip(datagram) {
            carry(packet, of: received, table, now: now)
        } else {
            refuse(FramingHeader.refusal(of: datagram), from: received.source)
        }
    }

    @inline(__always)
    private mutating func carry(
        _ datagram: PacketView, of received: IncomingBatch.Received, _ table: ForwardingTable, now: Int64
    ) {
        if sender != nil, delivery.hasRoom, let payload = run.add(datagram) {
            delivery.append(payload)
            return
        }
        if sender != nil { deliverPending(table, now: now) }
        guard let packet = InnerPacket(datagram) else {
            refuse(Inbound.refusal(of: datagram), from: received.source)
            return
        }
        switch Inbound.decide(packet, from: received.source, outerClass: received.trafficClass, table) {
        case .deliver(let peer, let receivedClass):
            if received.isJoined, let first = SegmentRun(packet, receivedClass: receivedClass),
                !first.isUDP || device.hasUDPSegmentation
            {
                delivery.append(datagram)
                run = first
                sender = peer
            } else {
                deliver(packet, of: peer, table, now: now)
            }
        case .drop(let reason):
            counters.drop(reason)
        }
    }

    /// The one packet in all of a receive: a super-packet of UDP that a kernel sender has passed on uncut, as they do on
    /// virtual wires. For the socket it looks like datagrams that were joined, but then the first would end with its packet.
    @inline(__always)
    private func uncut(_ bytes: PacketView) -> InnerPacket? {
        isFramed ? FramingHeader.strip(bytes).flatMap { InnerPacket($0) } : InnerPacket(bytes)
    }

    /// Delivers a super-packet, whose parts have as much payload as the kernel says that datagrams are long.
    @inline(never)
    private mutating func carryUncut(
        _ packet: InnerPacket, of received: IncomingBatch.Received, _ table: ForwardingTable, now: Int64
    ) {
        switch Inbound.decide(packet, from: received.source, outerClass: received.trafficClass, table) {
        case .drop(let reason):
            counters.drop(reason)
        case .deliver(let peer, _):
            guard let transport = TransportHeader(packet), transport.kind == .udp else {
                deliver(packet, of: peer, table, now: now)
                return
            }
            guard transport.hasPartialChecksum(packet) else {
                counters.drop(.malformed)
                return
            }
            let description = Offload.mark(
                packet.bytes, transport, packet.family, length: packet.bytes.count,
                segmentSize: received.datagramLength)
            guard let whole = SuperPacket(packet, description) else {
                counters.drop(.malformed)
                return
            }
            let bytes = packet.bytes.count + (whole.segmentCount - 1) * transport.payloadStart
            let isTaken =
                device.hasUDPSegmentation
                ? delivery.write(packet.bytes, to: device, description) : deliverParts(of: whole, transport)
            count(isTaken, whole.segmentCount, bytes: bytes, of: peer, now: now)
            if isTaken, device.hasUDPSegmentation { counters.add(.mergedDeliveries) }
        }
    }

    /// Cuts for a kernel that does not (before Linux 6.2).
    private mutating func deliverParts(of whole: SuperPacket, _ transport: TransportHeader) -> Bool {
        let description = VirtualHeader(partialChecksumFrom: transport.start, at: transport.checksumOffset)
        var isTaken = true
        for index in 0..<whole.segmentCount {
            let payload = whole.payload(index)
            delivery.append(whole.writeHeader(index, payload, to: headers.view, completesChecksum: false))
            delivery.append(payload)
            isTaken = delivery.write(to: device, description) && isTaken
        }
        return isTaken
    }

    /// Not inlined, for it is the exception.
    @inline(never)
    private mutating func refuse(_ reason: DropReason, from source: AddressKey) {
        counters.drop(reason)
        if reason == .otherFraming, alarmLimit.allow(now: monotonicNanoseconds()) { alarm.raise(source) }
    }

    /// Delivers the segments that wait, as one packet.
    private mutating func deliverPending(_ table: ForwardingTable, now: Int64) {
        guard let sender else { return }
        self.sender = nil
        if run.count == 1 {
            delivery.clear()
            if let packet = InnerPacket(run.first) { deliver(packet, of: sender, table, now: now) }
            return
        }
        let description = run.finish()
        let isTaken = delivery.write(to: device, description)
        count(isTaken, run.count, bytes: run.bytes, of: sender, now: now)
        if isTaken { counters.add(.mergedDeliveries) }
    }

    private mutating func deliver(
        _ packet: InnerPacket, of peer: ForwardingTable.Peer, _ table: ForwardingTable, now: Int64
    ) {
        guard let description = Offload.describe(packet, limit: table.longestReceived) else {
            counters.drop(.oversized)
            return
        }
        let isTaken = delivery.write(packet.bytes, to: device, description)
        count(isTaken, 1, bytes: packet.bytes.count, of: peer, now: now)
    }

    private mutating func count(_ isTaken: Bool, _ packets: Int, bytes: Int, of peer: ForwardingTable.Peer, now: Int64)
    {
        guard isTaken else {
            counters.drop(.deliveryFailed, packets)
            return
        }
        counters.add(.receivedPackets, packets)
        counters.add(.receivedBytes, bytes)
        peer.countReceived(packets: packets, bytes: bytes, now: now)
    }
}
