import Addressing

/// Builds the ICMP (RFC 792, RFC 1191) and ICMPv6 (RFC 4443) errors that a router owes to the sender of a packet it
/// cannot carry.
enum ICMPError {
    enum Reason: Equatable {
        /// No node claims the destination.
        case noRoute
        /// A node claims the destination, but there is no way to reach that node now.
        case hostUnreachable
        /// The packet is longer than `mtu` bytes, the largest that the path carries.
        case tooBig(mtu: Int)
    }

    /// The longest error of each family, in bytes: RFC 1812 section 4.3.2.3, RFC 4443 section 2.4 (c).
    static let maximumLengthV4 = 576
    static let maximumLengthV6 = 1280

    /// Writes the error that `packet` earns into `buffer`, which has room for 1280 bytes.
    ///
    /// - Parameter source: This node's own address on the tunnel, of the packet's family.
    /// - Returns: Its length, or nil where no error may be sent about the packet (RFC 1122 section 3.2.2,
    ///   RFC 4443 section 2.4 (e)): about another error, a later fragment, or to what is not one host's address.
    static func write(
        _ reason: Reason, about packet: InnerPacket, from source: AddressKey, into buffer: PacketView
    ) -> Int? {
        guard !packet.source.isMartian(in: packet.family), !packet.isLaterFragment, !isICMPError(packet) else {
            return nil
        }
        return packet.family == .v4
            ? writeV4(reason, about: packet, from: source, into: buffer)
            : writeV6(reason, about: packet, from: source, into: buffer)
    }

    private static func writeV4(
        _ reason: Reason, about packet: InnerPacket, from source: AddressKey, into buffer: PacketView
    ) -> Int {
        let quoted = min(packet.bytes.count, maximumLengthV4 - 28)
        let length = 28 + quoted
        buffer.clear(0, 28)
        buffer[0] = 0x45
        // Precedence "internetwork control", as RFC 1812 section 4.3.2.5 recommends for errors.
        buffer[1] = 0xc0
        buffer.store(UInt16(length), at: 2)
        buffer[8] = 64
        buffer[9] = InnerPacket.icmp
        buffer.store(UInt32(truncatingIfNeeded: source.low), at: 12)
        buffer.store(UInt32(truncatingIfNeeded: packet.source.low), at: 16)
        buffer[20] = 3
        switch reason {
        case .noRoute: buffer[21] = 0
        case .hostUnreachable: buffer[21] = 1
        case .tooBig(let mtu):
            buffer[21] = 4
            buffer.store(UInt16(clamping: mtu), at: 26)
        }
        buffer.copy(packet.bytes.prefix(quoted), to: 28)

        var header = Checksum()
        header.add(buffer.prefix(20))
        buffer.store(header.value, at: 10)
        var message = Checksum()
        message.add(buffer.prefix(length).suffix(from: 20))
        buffer.store(message.value, at: 22)
        return length
    }

    private static func writeV6(
        _ reason: Reason, about packet: InnerPacket, from source: AddressKey, into buffer: PacketView
    ) -> Int {
        let quoted = min(packet.bytes.count, maximumLengthV6 - 48)
        let length = 48 + quoted
        buffer.clear(0, 48)
        buffer[0] = 0x60
        buffer.store(UInt16(length - 40), at: 4)
        buffer[6] = InnerPacket.icmpV6
        buffer[7] = 64
        buffer.store(source.high, at: 8)
        buffer.store(source.low, at: 16)
        buffer.store(packet.source.high, at: 24)
        buffer.store(packet.source.low, at: 32)
        switch reason {
        case .noRoute:
            buffer[40] = 1
            buffer[41] = 0
        case .hostUnreachable:
            buffer[40] = 1
            buffer[41] = 3
        case .tooBig(let mtu):
            buffer[40] = 2
            buffer.store(UInt32(clamping: mtu), at: 44)
        }
        buffer.copy(packet.bytes.prefix(quoted), to: 48)

        // The pseudo-header: addresses, length, next header (RFC 8200 section 8.1).
        var message = Checksum()
        message.add(buffer.prefix(40).suffix(from: 8))
        message.add(UInt32(length - 40))
        message.add(UInt32(InnerPacket.icmpV6))
        message.add(buffer.prefix(length).suffix(from: 40))
        buffer.store(message.value, at: 42)
        return length
    }

    /// True for an ICMP message about another packet, which no error may answer; a torn one counts as one.
    private static func isICMPError(_ packet: InnerPacket) -> Bool {
        let offset = packet.headerLength
        switch (packet.family, packet.nextHeader) {
        case (.v4, InnerPacket.icmp):
            guard packet.bytes.count > offset else { return true }
            // All but the queries: echo, timestamp, and the obsolete router, information and mask messages.
            return [3, 4, 5, 11, 12].contains(packet.bytes[offset])
        case (.v6, _):
            return isICMPErrorV6(packet)
        default:
            return false
        }
    }

    /// As above, behind whatever extension headers there are (RFC 8200 section 4).
    private static func isICMPErrorV6(_ packet: InnerPacket) -> Bool {
        var next = packet.nextHeader
        var offset = packet.headerLength
        var isLaterFragment = false
        while next != InnerPacket.icmpV6 {
            let isExtension = [hopByHop, routing, fragment, destinationOptions, authentication].contains(next)
            // What is no extension is a transport, or encrypted; the rest of a fragment cannot be looked into.
            guard isExtension, !isLaterFragment else { return false }
            guard packet.bytes.count >= offset + 8 else { return true }
            let following = packet.bytes[offset]
            let length = Int(packet.bytes[offset + 1])
            isLaterFragment = next == fragment && packet.bytes.load(UInt16.self, at: offset + 2) & 0xfff8 != 0
            switch next {
            case fragment: offset += 8
            // In units of four bytes, and less two of them (RFC 4302 section 2.2).
            case authentication: offset += (length + 2) * 4
            default: offset += (length + 1) * 8
            }
            next = following
        }
        if isLaterFragment { return true }
        // Error messages have types below 128 (RFC 4443 section 2.1); 137 is a redirect.
        return packet.bytes.count <= offset || packet.bytes[offset] < 128 || packet.bytes[offset] == 137
    }

    /// Next header numbers of extensions.
    private static let hopByHop: UInt8 = 0
    private static let routing: UInt8 = 43
    private static let fragment: UInt8 = 44
    private static let authentication: UInt8 = 51
    private static let destinationOptions: UInt8 = 60
}
