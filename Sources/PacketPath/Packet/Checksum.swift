/// The Internet checksum (RFC 1071).
struct Checksum {
    private var sum: UInt64 = 0

    /// Adds the bytes of `packet`. An odd last byte counts as the high half of a word, so only the last part may be odd.
    mutating func add(_ packet: PacketView) {
        var offset = 0
        while offset + 1 < packet.count {
            sum &+= UInt64(packet.load(UInt16.self, at: offset))
            offset += 2
        }
        if offset < packet.count { sum &+= UInt64(packet[offset]) << 8 }
    }

    /// Adds a number of at most 32 bits, as a pseudo-header has it.
    mutating func add(_ number: UInt32) {
        sum &+= UInt64(number >> 16) + UInt64(number & 0xffff)
    }

    /// The value for the checksum field; 0 where the summed bytes contain a correct one.
    var value: UInt16 {
        var folded = sum
        while folded > 0xffff { folded = folded >> 16 + folded & 0xffff }
        return ~UInt16(truncatingIfNeeded: folded)
    }

    /// The checksum that `old` becomes where one 16-bit word of what it covers changes (RFC 1624, equation 3).
    static func updated(_ old: UInt16, from: UInt16, to: UInt16) -> UInt16 {
        var sum = UInt32(~old) + UInt32(~from) + UInt32(to)
        sum = sum >> 16 + sum & 0xffff
        sum = sum >> 16 + sum & 0xffff
        return ~UInt16(truncatingIfNeeded: sum)
    }
}
