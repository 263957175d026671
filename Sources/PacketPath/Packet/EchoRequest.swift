import Addressing

/// Builds the ICMP (RFC 792) or ICMPv6 (RFC 4443) echo request of one node to another: the smallest packet that any peer
/// accepts, and that its kernel answers.
enum EchoRequest {
    /// The longest one, in bytes.
    static let longest = 48
    /// Tells these requests from those of programs that ask, and wait for the answers.
    private static let identifier: UInt16 = 0x5741

    /// Writes one to the start of `room`, which has space for ``longest`` bytes.
    ///
    /// - Parameters:
    ///   - source: This node's address on the tunnel.
    ///   - destination: The other's, of the same family.
    /// - Returns: The packet.
    static func write(from source: AddressKey, to destination: AddressKey, into room: PacketView) -> PacketView {
        let start = source.isV4 ? 20 : 40
        let packet = room.prefix(start + 8)
        packet.clear(0, packet.count)
        var sum = Checksum()
        if source.isV4 {
            packet[0] = 0x45
            packet.store(UInt16(packet.count), at: 2)
            packet[8] = 64
            packet[9] = InnerPacket.icmp
            packet.store(UInt32(truncatingIfNeeded: source.low), at: 12)
            packet.store(UInt32(truncatingIfNeeded: destination.low), at: 16)
            var header = Checksum()
            header.add(packet.prefix(start))
            packet.store(header.value, at: 10)
            packet[start] = 8
        } else {
            packet[0] = 0x60
            packet.store(UInt16(8), at: 4)
            packet[6] = InnerPacket.icmpV6
            packet[7] = 64
            packet.store(source.high, at: 8)
            packet.store(source.low, at: 16)
            packet.store(destination.high, at: 24)
            packet.store(destination.low, at: 32)
            packet[start] = 128
            // The pseudo-header: addresses, length, next header (RFC 8200 section 8.1).
            sum.add(packet.prefix(start).suffix(from: 8))
            sum.add(UInt32(8))
            sum.add(UInt32(InnerPacket.icmpV6))
        }
        packet.store(identifier, at: start + 4)
        sum.add(packet.suffix(from: start))
        packet.store(sum.value, at: start + 2)
        return packet
    }
}
