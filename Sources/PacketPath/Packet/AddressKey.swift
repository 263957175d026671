package import Addressing

/// An address as two numbers, so that comparing, masking and hashing one costs a few instructions. An IPv4 address
/// takes its IPv4-mapped place, ::ffff:a.b.c.d (RFC 4291 section 2.5.5.2), so that one table serves both families.
package struct AddressKey: Hashable, BitwiseCopyable, Sendable {
    var high: UInt64
    var low: UInt64

    @inline(__always)
    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// From an IPv4 address in host byte order.
    @inline(__always)
    init(v4 number: UInt32) {
        self.init(high: 0, low: 0xffff_0000_0000 | UInt64(number))
    }

    package init(_ address: IPAddress) {
        switch address.family {
        case .v4: self.init(v4: UInt32(truncatingIfNeeded: address.bits))
        case .v6:
            self.init(
                high: UInt64(truncatingIfNeeded: address.bits >> 64), low: UInt64(truncatingIfNeeded: address.bits))
        }
    }

    /// True for an IPv4-mapped address, which no IPv6 packet may carry either (RFC 4942 section 2.2).
    var isV4: Bool {
        @inline(__always) get { high == 0 && low >> 32 == 0xffff }
    }

    var address: IPAddress {
        isV4
            ? IPAddress(v4: UInt32(truncatingIfNeeded: low))
            : IPAddress(family: .v6, bits: UInt128(high) << 64 | UInt128(low))
    }

    /// The `length` (0...128) leading bits as ones.
    static func mask(_ length: Int) -> AddressKey {
        AddressKey(high: ~(UInt64.max >> length), low: length > 64 ? ~(UInt64.max >> (length - 64)) : 0)
    }

    /// The bits that `mask` has as well.
    @inline(__always)
    func masked(_ mask: AddressKey) -> AddressKey { AddressKey(high: high & mask.high, low: low & mask.low) }

    /// True where no packet from elsewhere may bear the address: unspecified, loopback, multicast, link-local,
    /// IPv4's "this network", class E and broadcast (RFC 1122 section 3.2.1.3), an IPv4-mapped one in an IPv6 packet.
    @inline(__always)
    func isMartian(in family: IPFamily) -> Bool {
        if family == .v4 {
            let number = UInt32(truncatingIfNeeded: low)
            let first = number >> 24
            return first == 0 || first == 127 || first >= 224 || number >> 16 == 0xa9fe
        }
        if high == 0 { return low >> 32 == 0xffff || low <= 1 }
        return high >> 56 == 0xff || high >> 54 == 0x3fa
    }
}

extension AddressKey {
    /// From 16 bytes in network byte order.
    @inline(__always)
    init(networkOrder bytes: UnsafeRawBufferPointer) {
        // Sound: bounds are checked by the buffer.
        self.init(
            high: UInt64(bigEndian: unsafe bytes.loadUnaligned(fromByteOffset: 0, as: UInt64.self)),
            low: UInt64(bigEndian: unsafe bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)))
    }

    /// Writes 16 bytes in network byte order.
    @inline(__always)
    func write(networkOrder bytes: UnsafeMutableRawBufferPointer) {
        // Sound: bounds are checked by the buffer.
        unsafe bytes.storeBytes(of: high.bigEndian, toByteOffset: 0, as: UInt64.self)
        unsafe bytes.storeBytes(of: low.bigEndian, toByteOffset: 8, as: UInt64.self)
    }
}
