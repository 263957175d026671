import Addressing
internal import Glibc
internal import Host

/// The thread that carries packets from the tunnel device to the peers. In the order in which a packet meets it:
/// wait, read, decide, cut a super-packet into segments, send what goes over IPv4, send what goes over IPv6.
///
/// Its methods are mutating even where they change nothing: to lend the loop to a method that is not, the compiler copies
/// all of it.
struct OutboundLoop: ~Copyable {
    private let device: TunPort
    private let sockets: TunnelSockets
    private let ports: SourcePorts
    private let cell: TableCell
    private let reader: Int
    private let counters: CounterWriter
    /// What `device` and `counters` lead to.
    private let kept: (TunDevice, Counters)
    /// After how many bytes a batch is sent, while they are still in the processor's cache: each long super-packet by
    /// itself, which costs less than the second one's place in the cache.
    private static let bytesAtOnce = 32768
    private let readsAtOnce: Int
    /// The length of what stands before each packet, in bytes.
    private let framing: Int
    /// What was read and waits to be sent; headers of segments; a packet put together; a segment to be split.
    private let memory = PacketMemory(bytes: bytesAtOnce + PacketMemory.longestFrame)
    private var memoryUsed = 0
    private let headers = PacketMemory(bytes: 1 << 16)
    private var headersUsed = 0
    private let scratch = PacketMemory(bytes: PacketMemory.longestFrame)
    private let segment = PacketMemory(bytes: PacketMemory.longestFrame)
    /// Of IPv6 and IPv4, in this order.
    private var batches: InlineArray<2, OutgoingBatch>
    private var refusals: Refusals

    init(
        device: TunDevice, sockets: TunnelSockets, cell: TableCell, reader: Int, counters: Counters, options: TunOptions
    ) {
        self.device = device.port
        kept = (device, counters)
        self.sockets = sockets
        ports = SourcePorts(sockets)
        self.cell = cell
        self.reader = reader
        self.counters = counters.writer
        readsAtOnce = options.batches ? 64 : 1
        let framing = options.framing.headerLength
        self.framing = framing
        batches = InlineArray { _ in OutgoingBatch(joins: options.batches, framing: framing) }
        refusals = Refusals(
            sockets: sockets, counters: counters.writer, framing: framing,
            errors: ErrorReply(device: device.port, counters: counters.writer))
    }

    private enum BatchEnd {
        case more, drained, deviceGone
    }

    /// Carries packets until `stop` is signalled, or until the device is gone, which `lost` then tells.
    mutating func run(stop: Event, lost: Event) {
        var happened = Wait([(stop.descriptor, Wait.readable), (device.descriptor, Wait.readable)])
        while true {
            happened.sleep()
            if happened[0] != 0 { return }
            var end = BatchEnd.more
            for _ in 0..<TunDatapath.batchesPerWait where end == .more {
                cell.read(as: reader) { end = carryBatch($0) }
            }
            if end == .deviceGone || happened[1] & Wait.failed != 0 {
                lost.signal()
                return
            }
        }
    }

    private mutating func carryBatch(_ table: ForwardingTable) -> BatchEnd {
        let now = monotonicSeconds()
        var end = BatchEnd.more
        memoryUsed = 0
        headersUsed = 0
        // Bounded by what is read, not by what is sent: where all is dropped, the table must not be held for ever.
        reading: for _ in 0..<readsAtOnce {
            switch device.read(into: memory.view.suffix(from: memoryUsed)) {
            case .frame(let frame):
                // A packet that was dropped leaves its memory to the next one.
                if carry(frame, table, now: now) { memoryUsed += (frame.count + 63) & ~63 }
                if memoryUsed > Self.bytesAtOnce { break reading }
            case .empty:
                end = .drained
                break reading
            case .gone:
                end = .deviceGone
                break reading
            }
        }
        flush(table)
        return end
    }

    /// Carries frames that lie elsewhere, as one batch.
    mutating func carry(_ frames: consuming Pieces, _ table: ForwardingTable) {
        let now = monotonicSeconds()
        headersUsed = 0
        while let frame = frames.next() {
            _ = carry(frame, table, now: now)
        }
        flush(table)
    }

    /// - Returns: True where the packet waits in a batch, so that its memory is in use until the flush.
    private mutating func carry(_ frame: PacketView, _ table: ForwardingTable, now: Int64) -> Bool {
        let header = VirtualHeader(reading: frame)
        guard let packet = InnerPacket(frame.suffix(from: VirtualHeader.size)) else {
            counters.drop(.malformed)
            return false
        }
        if header.isSegmented { return carry(packet, cutBy: header, table, now: now) }
        return carry(packet, partialChecksum: header.partialChecksum, table, now: now)
    }

    // MARK: Packets

    private mutating func carry(
        _ packet: InnerPacket, partialChecksum: (start: Int, field: Int)?, _ table: ForwardingTable, now: Int64
    ) -> Bool {
        switch Outbound.decide(packet, longest: packet.bytes.count, framing: framing, table, now: now) {
        case .send(let peer, let trafficClass, let mayFragment):
            if let partialChecksum, !peer.defersChecksum(of: packet, from: partialChecksum.start) {
                guard complete(packet, partialChecksum) else { return false }
            }
            if mayFragment {
                sendFragmented(packet.bytes, to: peer, trafficClass: trafficClass, table)
                return false
            }
            append(packet, to: peer, trafficClass: trafficClass, table)
            return true
        case .split(let peer, let trafficClass, let mtu):
            if let partialChecksum { guard complete(packet, partialChecksum) else { return false } }
            flush(table)
            let isSplit = Fragmenter.split(packet, mtu: mtu, buffer: scratch.view) { fragment in
                guard let fragment = InnerPacket(fragment) else {
                    counters.drop(.malformed)
                    return
                }
                append(fragment, to: peer, trafficClass: trafficClass, table)
                flush(table)
            }
            if isSplit { counters.add(.fragmented) } else { counters.drop(.malformed) }
        case .reject(let reason, let error):
            counters.drop(reason)
            refusals.errors.send(error, about: packet, table)
        case .drop(let reason):
            counters.drop(reason)
        }
        return false
    }

    @inline(always)
    private mutating func complete(_ packet: InnerPacket, _ checksum: (start: Int, field: Int)) -> Bool {
        if checksum.start >= packet.headerLength,
            Offload.completeChecksum(packet.bytes, start: checksum.start, field: checksum.field)
        {
            return true
        }
        counters.drop(.malformed)
        return false
    }

    /// Sends a packet that is within the smallest MTU that we promise, but not within the path's: fragmented outside.
    private mutating func sendFragmented(
        _ bytes: PacketView, to peer: ForwardingTable.Peer, trafficClass: UInt8, _ table: ForwardingTable
    ) {
        flush(table)
        guard let socket = peer.endpointFamily == .v4 ? sockets.v4 : sockets.v6 else {
            counters.drop(.sendFailed)
            return
        }
        socket.allowFragments(true)
        batches[Self.batch(of: peer)].append(bytes, to: peer, trafficClass: trafficClass, socket: socket.descriptor)
        flush(table)
        socket.allowFragments(false)
    }

    // MARK: Super-packets

    private mutating func carry(
        _ packet: InnerPacket, cutBy header: VirtualHeader, _ table: ForwardingTable, now: Int64
    ) -> Bool {
        guard let whole = SuperPacket(packet, header) else {
            counters.drop(.malformed)
            return false
        }
        switch Outbound.decide(packet, longest: whole.longestSegment, framing: framing, table, now: now) {
        case .send(let peer, let trafficClass, mayFragment: false):
            send(whole, to: peer, packet: packet, trafficClass: trafficClass, table)
            return true
        case .send, .split:
            carrySegments(of: whole, table, now: now)
        case .reject(let reason, let error):
            counters.drop(reason, whole.segmentCount)
            if let first = InnerPacket(assemble(whole, 0)) { refusals.errors.send(error, about: first, table) }
        case .drop(let reason):
            counters.drop(reason, whole.segmentCount)
        }
        return false
    }

    @inline(__always)
    private mutating func send(
        _ whole: SuperPacket, to peer: ForwardingTable.Peer, packet: InnerPacket, trafficClass: UInt8,
        _ table: ForwardingTable
    ) {
        let batch = Self.batch(of: peer)
        let completes = !peer.defersChecksum(of: packet, from: whole.transportStart)
        let socket = ports.socket(for: packet, to: peer)
        for index in 0..<whole.segmentCount {
            if !batches[batch].hasRoom
                || headersUsed &+ FramingHeader.length &+ SuperPacket.longestHeader > headers.view.count
            {
                flush(table)
                headersUsed = 0
            }
            let room = headers.view.suffix(from: headersUsed &+ framing)
            let payload = whole.payload(index)
            var segmentHeader = whole.writeHeader(index, payload, to: room, completesChecksum: completes)
            if framing != 0 {
                segmentHeader = headers.view.suffix(from: headersUsed).prefix(framing + segmentHeader.count)
                segmentHeader.store(FramingHeader.value(packet.family), at: 0)
            }
            headersUsed &+= (segmentHeader.count &+ 7) & ~7
            batches[batch].append(segmentHeader, payload, to: peer, trafficClass: trafficClass, socket: socket)
        }
    }

    /// Carries each segment as a packet of its own: they are too long for the path, which is the exception.
    private mutating func carrySegments(of whole: SuperPacket, _ table: ForwardingTable, now: Int64) {
        for index in 0..<whole.segmentCount {
            let bytes = assemble(whole, index)
            // Splitting it needs `scratch` again.
            segment.view.copy(bytes, to: 0)
            guard let packet = InnerPacket(segment.view.prefix(bytes.count)) else { continue }
            _ = carry(packet, partialChecksum: nil, table, now: now)
            flush(table)
        }
    }

    /// Puts a segment together in `scratch`.
    private mutating func assemble(_ whole: SuperPacket, _ index: Int) -> PacketView {
        let payload = whole.payload(index)
        let header = whole.writeHeader(index, payload, to: scratch.view, completesChecksum: true)
        scratch.view.copy(payload, to: header.count)
        return scratch.view.prefix(header.count + payload.count)
    }

    // MARK: Sending

    @inline(__always)
    private mutating func append(
        _ packet: InnerPacket, to peer: ForwardingTable.Peer, trafficClass: UInt8, _ table: ForwardingTable
    ) {
        let socket = ports.socket(for: packet, to: peer)
        let batch = Self.batch(of: peer)
        if !batches[batch].hasRoom { flush(table) }
        batches[batch].append(packet.bytes, to: peer, trafficClass: trafficClass, socket: socket)
    }

    /// Which of ``batches`` a peer's datagrams belong to.
    @inline(__always)
    private static func batch(of peer: ForwardingTable.Peer) -> Int { peer.endpointFamily == .v4 ? 1 : 0 }

    private mutating func flush(_ table: ForwardingTable) {
        for batch in batches.indices where !batches[batch].isEmpty {
            count(batches[batch].send(isV6: batch == 0, scratch: scratch.view) { refusals.add($0, $1, table) })
        }
    }

    private mutating func count(_ outcome: OutgoingBatch.Outcome) {
        counters.add(.sentPackets, outcome.packets)
        counters.add(.sentBytes, outcome.bytes)
        counters.add(.segmentedSends, outcome.segmented)
        if outcome.unsplit > 0 { counters.add(.segmentationRefusals, outcome.unsplit) }
    }
}
