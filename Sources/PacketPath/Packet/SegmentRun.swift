import Addressing

/// Consecutive segments of one TCP or UDP flow that the kernel can take as one super-packet: the same headers but for
/// what counts up, as the kernel's own receive offload demands (net/ipv4/tcp_offload.c, tcp_gro_receive).
///
/// Its segments come out of one receive whose outer checksum the kernel has verified. Their own checksums are replaced by
/// that promise, so nothing that came unprotected may be added.
struct SegmentRun {
    let first: PacketView
    private let family: IPFamily
    private let transport: TransportHeader
    /// The first packet's traffic class as it was received, which following ones have to bear as well.
    private let receivedClass: UInt8
    let segmentSize: Int
    private(set) var count = 1
    /// The length of the whole, headers included, in bytes.
    private(set) var length: Int
    private var isComplete: Bool
    /// Whether the last segment asked to be handed to its reader at once.
    private var pushes = false

    var isUDP: Bool { transport.kind == .udp }

    /// The length of all packets of the run as they were, in bytes.
    var bytes: Int { length + (count - 1) * transport.payloadStart }

    /// Begins with `packet`, or is nil where nothing can follow it.
    ///
    /// - Parameter receivedClass: Its traffic class before ``ECN/decapsulate(inner:outer:)``.
    @inline(__always)
    init?(_ packet: InnerPacket, receivedClass: UInt8) {
        guard let transport = TransportHeader(packet), packet.headerLength == (packet.family == .v4 ? 20 : 40) else {
            return nil
        }
        let bytes = packet.bytes
        segmentSize = bytes.count - transport.payloadStart
        guard segmentSize > 0 else { return nil }
        switch transport.kind {
        case .tcp:
            let flags = bytes[transport.start + 13]
            guard flags & ~(Self.acknowledge | Self.push | Self.congestionEcho) == 0 else { return nil }
            isComplete = flags & Self.push != 0
        case .udp:
            guard bytes.load(UInt16.self, at: transport.start + 6) != 0 else { return nil }
            isComplete = false
        }
        first = bytes
        family = packet.family
        self.transport = transport
        self.receivedClass = receivedClass
        length = bytes.count
    }

    /// No packets, to which none can be added.
    ///
    /// - Parameter bytes: Any.
    init(none bytes: PacketView) {
        first = bytes
        family = .v4
        transport = TransportHeader(none: ())
        receivedClass = 0
        segmentSize = 0
        count = 0
        length = 0
        isComplete = true
    }

    /// Adds the packet in `bytes` where it continues the run.
    ///
    /// - Returns: Its payload, or nil where it does not belong here.
    @inline(__always)
    mutating func add(_ bytes: PacketView) -> PacketView? {
        let start = transport.start
        let payloadStart = transport.payloadStart
        guard !isComplete, bytes.count > payloadStart else { return nil }
        let size = bytes.count - payloadStart
        guard size <= segmentSize, length + size <= Self.longest, hasSameNetworkHeader(bytes) else { return nil }
        switch transport.kind {
        case .tcp:
            let header = bytes.suffix(from: start).prefix(20)
            let ours = first.suffix(from: start).prefix(20)
            let sequence = ours.load(UInt32.self, at: 4) &+ UInt32(truncatingIfNeeded: count &* segmentSize)
            // Data offset, flags and window in one word; "push" may end a run.
            let word = header.load(UInt32.self, at: 12)
            guard header.load(UInt32.self, at: 0) == ours.load(UInt32.self, at: 0),
                header.load(UInt32.self, at: 4) == sequence,
                header.load(UInt32.self, at: 8) == ours.load(UInt32.self, at: 8),
                word & ~Self.pushInWord == ours.load(UInt32.self, at: 12),
                bytes.prefix(payloadStart).suffix(from: start + 20)
                    .holdsSame(as: first.prefix(payloadStart).suffix(from: start + 20))
            else { return nil }
            isComplete = word & Self.pushInWord != 0
            pushes = isComplete
        case .udp:
            let header = bytes.suffix(from: start).prefix(8)
            guard header.load(UInt32.self, at: 0) == first.load(UInt32.self, at: start),
                Int(header.load(UInt16.self, at: 4)) == bytes.count - start, header.load(UInt16.self, at: 6) != 0
            else { return nil }
        }
        if size < segmentSize { isComplete = true }
        count += 1
        length += size
        return bytes.suffix(from: payloadStart)
    }

    /// Turns the first packet's headers into those of the whole.
    ///
    /// - Returns: What the kernel has to know of it.
    @inline(__always)
    func finish() -> VirtualHeader {
        let packet = first
        if family == .v4 {
            let old = packet.load(UInt16.self, at: 2)
            let new = UInt16(truncatingIfNeeded: length)
            packet.store(new, at: 2)
            packet.store(Checksum.updated(packet.load(UInt16.self, at: 10), from: old, to: new), at: 10)
        } else {
            packet.store(UInt16(truncatingIfNeeded: length - 40), at: 4)
        }
        if pushes { packet[transport.start + 13] |= Self.push }
        return Offload.mark(packet, transport, family, length: length, segmentSize: segmentSize)
    }

    /// The parts of the IP header that segments of one flow share. They include the addresses: who may send the first
    /// one may send all.
    @inline(__always)
    private func hasSameNetworkHeader(_ bytes: PacketView) -> Bool {
        // Views of a constant length are checked once, not at each access.
        if family == .v4 {
            let header = bytes.prefix(20)
            let ours = first.prefix(20)
            let flags = ours.load(UInt16.self, at: 6)
            guard header[0] == 0x45, header[1] == receivedClass, Int(header.load(UInt16.self, at: 2)) == bytes.count,
                header.load(UInt16.self, at: 6) == flags,
                header.load(UInt16.self, at: 8) == ours.load(UInt16.self, at: 8),
                header.load(UInt64.self, at: 12) == ours.load(UInt64.self, at: 12)
            else { return false }
            // The kernel counts identifications up when it cuts; they mean nothing where nobody may fragment (RFC 6864).
            let identification = ours.load(UInt16.self, at: 4) &+ UInt16(truncatingIfNeeded: count)
            return flags & Self.doNotFragment != 0 || header.load(UInt16.self, at: 4) == identification
        }
        let header = bytes.prefix(40)
        let ours = first.prefix(40)
        let classBits: UInt32 = 0x0ff0_0000
        let label = ours.load(UInt32.self, at: 0) & ~classBits | UInt32(receivedClass) << 20
        return header.load(UInt32.self, at: 0) == label && Int(header.load(UInt16.self, at: 4)) + 40 == bytes.count
            && header.load(UInt16.self, at: 6) == ours.load(UInt16.self, at: 6)
            && header.load(UInt64.self, at: 8) == ours.load(UInt64.self, at: 8)
            && header.load(UInt64.self, at: 16) == ours.load(UInt64.self, at: 16)
            && header.load(UInt64.self, at: 24) == ours.load(UInt64.self, at: 24)
            && header.load(UInt64.self, at: 32) == ours.load(UInt64.self, at: 32)
    }

    /// The longest super-packet: what a device with the usual limit of 64 KB still takes in one piece, Ethernet header
    /// included.
    static let longest = 65535 - 14

    private static let acknowledge: UInt8 = 0x10
    private static let push: UInt8 = 0x08
    private static let congestionEcho: UInt8 = 0x40
    private static let pushInWord: UInt32 = 0x0008_0000
    private static let doNotFragment: UInt16 = 0x4000
}
