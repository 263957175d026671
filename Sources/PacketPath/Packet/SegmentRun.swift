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
    @inline(never)
    mutating func add(_ bytes: PacketView) -> PacketView? {
        let start = transport.start
        let payloadStart = transport.payloadStart
        // The one look at the length that all reading below relies on.
        guard !isComplete, bytes.count > payloadStart else { return nil }
        let size = bytes.count &- payloadStart
        guard size <= segmentSize, length &+ size <= Self.longest, hasSameNetworkHeader(bytes) else { return nil }
        // Sound: both packets are longer than `payloadStart`, up to where their headers go.
        switch transport.kind {
        case .tcp:
            let sequence =
                unsafe first.loadUnchecked(UInt32.self, at: start &+ 4)
                &+ UInt32(truncatingIfNeeded: count &* segmentSize)
            // Data offset, flags and window in one word; "push" may end a run.
            let word = unsafe bytes.loadUnchecked(UInt32.self, at: start &+ 12)
            guard unsafe bytes.loadUnchecked(UInt32.self, at: start &+ 4) == sequence,
                unsafe has(UInt32.self, at: start, bytes), unsafe has(UInt32.self, at: start &+ 8, bytes),
                unsafe word & ~Self.pushInWord == first.loadUnchecked(UInt32.self, at: start &+ 12)
            else { return nil }
            var option = start &+ 20
            while option < payloadStart {
                guard unsafe has(UInt32.self, at: option, bytes) else { return nil }
                option &+= 4
            }
            isComplete = word & Self.pushInWord != 0
            pushes = isComplete
        case .udp:
            guard unsafe has(UInt32.self, at: start, bytes),
                unsafe Int(bytes.loadUnchecked(UInt16.self, at: start &+ 4)) == bytes.count &- start,
                unsafe bytes.loadUnchecked(UInt16.self, at: start &+ 6) != 0
            else { return nil }
        }
        if size < segmentSize { isComplete = true }
        count &+= 1
        length &+= size
        return bytes.suffix(from: payloadStart)
    }

    /// True where `bytes` has the same number at `offset` as ``first``. Both must reach beyond it.
    @unsafe
    @inline(__always)
    private func has<Number: FixedWidthInteger & BitwiseCopyable>(
        _ type: Number.Type, at offset: Int, _ bytes: PacketView
    ) -> Bool {
        unsafe bytes.loadUnchecked(type, at: offset) == first.loadUnchecked(type, at: offset)
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
        // Sound: both packets are longer than the payload's start, which is above 20 for IPv4 and 40 for IPv6.
        if family == .v4 {
            let flags = unsafe first.loadUnchecked(UInt16.self, at: 6)
            guard unsafe bytes.loadUnchecked(UInt16.self, at: 0) == 0x4500 | UInt16(receivedClass),
                unsafe Int(bytes.loadUnchecked(UInt16.self, at: 2)) == bytes.count,
                unsafe bytes.loadUnchecked(UInt16.self, at: 6) == flags,
                unsafe has(UInt16.self, at: 8, bytes), unsafe has(UInt64.self, at: 12, bytes)
            else { return false }
            // The kernel counts identifications up when it cuts; they mean nothing where nobody may fragment (RFC 6864).
            let identification =
                unsafe first.loadUnchecked(UInt16.self, at: 4) &+ UInt16(truncatingIfNeeded: count)
            return unsafe flags & Self.doNotFragment != 0
                || bytes.loadUnchecked(UInt16.self, at: 4) == identification
        }
        let classBits: UInt32 = 0x0ff0_0000
        let label =
            unsafe first.loadUnchecked(UInt32.self, at: 0) & ~classBits | UInt32(receivedClass) << 20
        return unsafe bytes.loadUnchecked(UInt32.self, at: 0) == label
            && Int(bytes.loadUnchecked(UInt16.self, at: 4)) &+ 40 == bytes.count
            && has(UInt16.self, at: 6, bytes) && has(UInt64.self, at: 8, bytes)
            && has(UInt64.self, at: 16, bytes) && has(UInt64.self, at: 24, bytes)
            && has(UInt64.self, at: 32, bytes)
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
