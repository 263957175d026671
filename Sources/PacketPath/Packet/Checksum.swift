/// The Internet checksum (RFC 1071).
struct Checksum {
    private var sum: UInt64 = 0

    /// Adds the bytes of `packet`. An odd last byte counts as the high half of a word, so only the last part may be odd.
    @inline(__always)
    mutating func add(_ packet: PacketView) { sum &+= UInt64(packet.sum) }

    /// Adds a number of at most 32 bits, as a pseudo-header has it.
    @inline(__always)
    mutating func add(_ number: UInt32) { sum &+= UInt64(number >> 16) + UInt64(number & 0xffff) }

    /// What has been added, folded: what a checksum field holds while the rest is still to be summed.
    var partial: UInt16 {
        @inline(__always) get { Self.fold(sum) }
    }

    /// The value for the checksum field; 0 where the summed bytes contain a correct one.
    var value: UInt16 {
        @inline(__always) get { ~partial }
    }

    /// The checksum that `old` becomes where one 16-bit word of what it covers changes (RFC 1624, equation 3).
    @inline(__always)
    static func updated(_ old: UInt16, from: UInt16, to: UInt16) -> UInt16 {
        ~fold(UInt64(~old) + UInt64(~from) + UInt64(to))
    }

    /// The sum in one's complement, 16 bits wide.
    @inline(__always)
    static func fold(_ sum: UInt64) -> UInt16 {
        var folded = (sum >> 32) &+ (sum & 0xffff_ffff)
        folded = (folded >> 16) &+ (folded & 0xffff)
        folded = (folded >> 16) &+ (folded & 0xffff)
        folded = (folded >> 16) &+ (folded & 0xffff)
        return UInt16(truncatingIfNeeded: folded)
    }
}
