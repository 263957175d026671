import Addressing

/// Where an inner packet carries TCP (RFC 9293) or UDP (RFC 768) right behind its IP header, unfragmented.
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
            guard bytes.count >= start + 20 else { return nil }
            kind = .tcp
            payloadStart = start + Int(bytes[start + 12] >> 4) * 4
            guard payloadStart >= start + 20, payloadStart <= bytes.count else { return nil }
        case InnerPacket.udp:
            guard bytes.count >= start + 8, Int(bytes.load(UInt16.self, at: start + 4)) == bytes.count - start else {
                return nil
            }
            kind = .udp
            payloadStart = start + 8
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
        packet.bytes.load(UInt16.self, at: start + checksumOffset)
            == pseudoHeader(of: packet.bytes, packet.family, transportLength: packet.bytes.count - start)
    }
}
