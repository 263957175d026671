import Addressing

/// Where an inner packet carries TCP (RFC 9293) or UDP (RFC 768) right behind its IP header, unfragmented. The packet is
/// at least as long as ``payloadStart``, which is at least 20 (TCP) or 8 (UDP) above ``start``.
struct TransportHeader {
    enum Kind {
        case tcp, udp
    }

    let kind: Kind
    /// Where it begins, and where the payload does, in bytes.
    let start: Int
    let payloadStart: Int

    /// Nil for fragments, for other protocols and behind IPv6 extensions: nothing is offloaded there.
    @inline(__always)
    init?(_ packet: InnerPacket) {
        let bytes = packet.bytes
        start = packet.headerLength
        guard !packet.isFragment else { return nil }
        switch packet.nextHeader {
        case InnerPacket.tcp:
            guard bytes.count >= start &+ 20 else { return nil }
            kind = .tcp
            // Sound: the fixed header lies within the packet.
            let length = Int(unsafe bytes.loadUnchecked(UInt8.self, at: start &+ 12) >> 4) &* 4
            payloadStart = start &+ length
            guard length >= 20, payloadStart <= bytes.count else { return nil }
        case InnerPacket.udp:
            // Sound: as above.
            guard bytes.count >= start &+ 8,
                Int(unsafe bytes.loadUnchecked(UInt16.self, at: start &+ 4)) == bytes.count &- start
            else { return nil }
            kind = .udp
            payloadStart = start &+ 8
        default:
            return nil
        }
    }

    /// Of no packet.
    init(none: Void) { (kind, start, payloadStart) = (.tcp, 0, 0) }

    /// Where the checksum is, in bytes from ``start``.
    var checksumOffset: Int {
        @inline(__always) get { kind == .tcp ? 16 : 6 }
    }

    /// The sum of the pseudo-header (RFC 9293 section 3.1, RFC 8200 section 8.1).
    ///
    /// - Parameter transportLength: The length of transport header and payload, in bytes.
    @inline(__always)
    func pseudoHeader(of bytes: PacketView, _ family: IPFamily, transportLength: Int) -> UInt16 {
        var sum = Checksum()
        sum.add(family == .v4 ? bytes.prefix(20).suffix(from: 12) : bytes.prefix(40).suffix(from: 8))
        sum.add(UInt32(kind == .tcp ? InnerPacket.tcp : InnerPacket.udp))
        sum.add(UInt32(truncatingIfNeeded: transportLength))
        return sum.partial
    }

    /// True where the checksum covers the pseudo-header alone: its sender left the rest to whoever needs it, as peers do
    /// by agreement, and kernels on virtual wires without.
    @inline(__always)
    func hasPartialChecksum(_ packet: InnerPacket) -> Bool {
        // Sound: the transport header is that packet's.
        unsafe packet.bytes.loadUnchecked(UInt16.self, at: start &+ checksumOffset)
            == pseudoHeader(of: packet.bytes, packet.family, transportLength: packet.bytes.count &- start)
    }
}
