import Addressing

/// The fields of an inner IPv4 (RFC 791) or IPv6 (RFC 8200) packet that decide where it goes.
///
/// Made only of a packet whose lengths agree with each other, so that reading its header needs no further check: it has
/// at least 20 bytes, and as IPv6 40.
struct InnerPacket {
    let bytes: PacketView
    let family: IPFamily
    let source: AddressKey
    let destination: AddressKey

    /// Checks version and lengths. Nil where the header is torn or does not state the length that the packet has.
    @inline(__always)
    init?(_ bytes: PacketView) {
        guard bytes.count >= 20 else { return nil }
        switch bytes[0] >> 4 {
        case 4:
            let headerLength = Int(bytes[0] & 0xf) * 4
            let totalLength = Int(bytes.load(UInt16.self, at: 2))
            guard headerLength >= 20, totalLength >= headerLength, totalLength == bytes.count else { return nil }
            family = .v4
            source = AddressKey(v4: bytes.load(UInt32.self, at: 12))
            destination = AddressKey(v4: bytes.load(UInt32.self, at: 16))
        case 6:
            // A payload length of zero would be a jumbogram (RFC 2675), which no tunnel of ours carries; or a
            // header with nothing behind it.
            guard bytes.count >= 40, Int(bytes.load(UInt16.self, at: 4)) + 40 == bytes.count else { return nil }
            family = .v6
            source = AddressKey(high: bytes.load(UInt64.self, at: 8), low: bytes.load(UInt64.self, at: 16))
            destination = AddressKey(high: bytes.load(UInt64.self, at: 24), low: bytes.load(UInt64.self, at: 32))
        default:
            return nil
        }
        self.bytes = bytes
    }

    // Sound in all that follows: the initializer has checked that the packet has an IP header's length.

    /// The differentiated services field and ECN: DSCP in the high six bits.
    var trafficClass: UInt8 {
        @inline(__always) get {
            let first = unsafe bytes.loadUnchecked(UInt16.self, at: 0)
            return UInt8(truncatingIfNeeded: family == .v4 ? first : first >> 4)
        }
    }

    /// Writes the traffic class, and for IPv4 what it changes in the header checksum.
    @inline(__always)
    func setTrafficClass(_ new: UInt8) {
        let first = bytes.load(UInt16.self, at: 0)
        if family == .v4 {
            let changed = first & 0xff00 | UInt16(new)
            bytes.store(changed, at: 0)
            bytes.store(Checksum.updated(bytes.load(UInt16.self, at: 10), from: first, to: changed), at: 10)
        } else {
            bytes.store(first & 0xf00f | UInt16(new) << 4, at: 0)
        }
    }

    /// The length of the IPv4 header with options, or of the fixed IPv6 header, in bytes.
    var headerLength: Int {
        @inline(__always) get {
            family == .v4 ? Int(unsafe bytes.loadUnchecked(UInt8.self, at: 0) & 0xf) &* 4 : 40
        }
    }

    /// The IPv4 protocol, or the IPv6 next header, which may be an extension.
    var nextHeader: UInt8 {
        @inline(__always) get { unsafe bytes.loadUnchecked(UInt8.self, at: family == .v4 ? 9 : 6) }
    }

    /// True where IPv4 forbids routers to fragment the packet; IPv6 always does.
    var mayNotBeFragmented: Bool { family == .v6 || bytes[6] & 0x40 != 0 }

    /// True for all fragments of an IPv4 packet but the first: they carry no transport header.
    var isLaterFragment: Bool {
        @inline(__always) get { unsafe family == .v4 && bytes.loadUnchecked(UInt16.self, at: 6) & 0x1fff != 0 }
    }

    /// True for every part of a fragmented IPv4 packet.
    var isFragment: Bool {
        @inline(__always) get { unsafe family == .v4 && bytes.loadUnchecked(UInt16.self, at: 6) & 0x3fff != 0 }
    }

    /// The destination port where the packet carries UDP right behind its IP header.
    var udpDestinationPort: UInt16? {
        @inline(__always) get {
            let start = headerLength
            guard nextHeader == Self.udp, !isLaterFragment, bytes.count >= start &+ 8 else { return nil }
            // Sound: the UDP header lies within the packet.
            return unsafe bytes.loadUnchecked(UInt16.self, at: start &+ 2)
        }
    }

    static let icmp: UInt8 = 1
    static let tcp: UInt8 = 6
    static let udp: UInt8 = 17
    static let icmpV6: UInt8 = 58
}
