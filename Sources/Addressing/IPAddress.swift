/// The two Internet protocols that Warrens speaks, inside and outside of its tunnels.
public enum IPFamily: UInt8, Hashable, Sendable, CaseIterable, CustomStringConvertible {
    case v4 = 4
    case v6 = 6

    /// The length of an address of this family, in bits: 32 or 128.
    public var bitWidth: Int { self == .v4 ? 32 : 128 }

    /// The length of an address of this family, in bytes: 4 or 16.
    public var byteCount: Int { bitWidth / 8 }

    public var description: String { self == .v4 ? "IPv4" : "IPv6" }
}

/// An IPv4 (RFC 791) or IPv6 (RFC 4291) address.
///
/// The value is held as a number in host byte order; ``bytes`` is the form that goes on the wire.
public struct IPAddress: Hashable, Sendable, Comparable {
    // Two halves, because a UInt128 would be aligned to, and so be padded to, 16 bytes: there are many addresses.
    private let high: UInt64
    private let low: UInt64
    public let family: IPFamily

    /// The address as a number: an IPv4 address fills the low 32 bits, the rest is zero.
    public var bits: UInt128 { UInt128(high) << 64 | UInt128(low) }

    /// Makes an address of `family` from its number. Bits beyond the family's width are dropped.
    public init(family: IPFamily, bits: UInt128) {
        self.family = family
        high = family == .v4 ? 0 : UInt64(truncatingIfNeeded: bits >> 64)
        low = UInt64(truncatingIfNeeded: family == .v4 ? bits & UInt128(UInt32.max) : bits)
    }

    /// Makes an IPv4 address from its 32-bit number in host byte order.
    public init(v4 number: UInt32) {
        self.init(family: .v4, bits: UInt128(number))
    }

    /// Makes an address from its bytes in network byte order: 4 for IPv4, 16 for IPv6, otherwise nil.
    public init?(bytes: some Collection<UInt8>) {
        let family: IPFamily
        switch bytes.count {
        case 4: family = .v4
        case 16: family = .v6
        default: return nil
        }
        self.init(family: family, bits: bytes.reduce(0) { $0 << 8 | UInt128($1) })
    }

    /// The address in network byte order: 4 or 16 bytes.
    public var bytes: [UInt8] {
        (0..<family.byteCount).reversed().map { UInt8(truncatingIfNeeded: bits >> (8 * $0)) }
    }

    /// `0.0.0.0` or `::`.
    public static func unspecified(_ family: IPFamily) -> IPAddress {
        IPAddress(family: family, bits: 0)
    }

    public var isUnspecified: Bool { bits == 0 }

    /// 127.0.0.0/8 (RFC 1122) or ::1 (RFC 4291).
    public var isLoopback: Bool {
        family == .v4 ? bits >> 24 == 127 : bits == 1
    }

    /// 169.254.0.0/16 (RFC 3927) or fe80::/10 (RFC 4291).
    public var isLinkLocal: Bool {
        family == .v4 ? bits >> 16 == 0xa9fe : bits >> 118 == 0x3fa
    }

    /// 224.0.0.0/4 (RFC 5771) or ff00::/8 (RFC 4291).
    public var isMulticast: Bool {
        family == .v4 ? bits >> 28 == 0xe : bits >> 120 == 0xff
    }

    /// The address `offset` steps further, or nil where that leaves the family's address space.
    public func advanced(by offset: UInt128) -> IPAddress? {
        let (sum, overflow) = bits.addingReportingOverflow(offset)
        guard !overflow, family == .v6 || sum <= UInt128(UInt32.max) else { return nil }
        return IPAddress(family: family, bits: sum)
    }

    /// IPv4 sorts before IPv6; within a family by number.
    public static func < (left: IPAddress, right: IPAddress) -> Bool {
        left.family == right.family ? left.bits < right.bits : left.family == .v4
    }
}
