/// An address with a prefix length (CIDR notation, RFC 4632 and RFC 4291 section 2.3), such as `10.192.0.0/10`.
///
/// The host bits are kept, so that one type serves for subnets (`10.220.106.0/24`) and for interface addresses
/// (`10.220.106.8/24`); ``network`` drops them.
public struct IPPrefix: Hashable, Sendable, Comparable, LosslessStringConvertible {
    public let address: IPAddress
    private let bitCount: UInt8

    /// The number of leading bits that name the network: 0...32 or 0...128.
    public var length: Int { Int(bitCount) }

    /// Makes a prefix, or nil where `length` is not in the range of the family.
    public init?(_ address: IPAddress, length: Int) {
        guard (0...address.family.bitWidth).contains(length) else { return nil }
        self.init(checked: address, length: length)
    }

    /// The prefix of one address: /32 or /128.
    public init(host address: IPAddress) {
        self.init(checked: address, length: address.family.bitWidth)
    }

    /// Reads `address/length`. The length is mandatory, decimal, and has no sign and no leading zero.
    public init?(_ text: String) {
        guard let slash = text.utf8.firstIndex(of: UInt8(ascii: "/")),
            let address = IPAddress(text: text.utf8[..<slash]),
            let length = Self.length(text.utf8[text.utf8.index(after: slash)...])
        else { return nil }
        self.init(address, length: length)
    }

    private static func length(_ digits: Substring.UTF8View) -> Int? {
        guard (1...3).contains(digits.count), digits.allSatisfy({ (0x30...0x39).contains($0) }),
            digits.count == 1 || digits.first != 0x30
        else { return nil }
        return digits.reduce(0) { $0 * 10 + Int($1 - 0x30) }
    }

    /// `10.220.106.0/24`, `fd53:7769:726c::/48`. An IPv6 network ends with `::` even where that stands for one group
    /// only, so that a node's /112 is written as people write it; an address does not (RFC 5952 section 4.2.2).
    public var description: String {
        let text = address.description
        let endsWithOneZeroGroup = family == .v6 && isNetwork && length <= 112 && text.hasSuffix(":0")
        return endsWithOneZeroGroup && !text.contains("::") ? "\(text.dropLast()):/\(length)" : "\(text)/\(length)"
    }

    public var family: IPFamily { address.family }

    /// The bits below the prefix length, as a number: all ones.
    public var hostMask: UInt128 {
        let hostBits = family.bitWidth - length
        return hostBits == 128 ? .max : (UInt128(1) << UInt128(hostBits)) - 1
    }

    /// The prefix with its host bits cleared.
    public var network: IPPrefix {
        IPPrefix(checked: IPAddress(family: family, bits: address.bits & ~hostMask), length: length)
    }

    /// True where no host bit is set.
    public var isNetwork: Bool { address.bits & hostMask == 0 }

    /// True for /32 and /128.
    public var isHost: Bool { length == family.bitWidth }

    /// The lowest address of the network.
    public var first: IPAddress { network.address }

    /// The highest address of the network.
    public var last: IPAddress { IPAddress(family: family, bits: address.bits | hostMask) }

    /// The address at `offset` from the lowest, or nil where it is outside of the network.
    public func host(_ offset: UInt128) -> IPAddress? {
        offset <= hostMask ? IPAddress(family: family, bits: first.bits | offset) : nil
    }

    public func contains(_ other: IPAddress) -> Bool {
        other.family == family && other.bits & ~hostMask == address.bits & ~hostMask
    }

    public func contains(_ other: IPPrefix) -> Bool {
        other.length >= length && contains(other.address)
    }

    /// True where the two networks share an address.
    public func overlaps(_ other: IPPrefix) -> Bool {
        contains(other) || other.contains(self)
    }

    public static func < (left: IPPrefix, right: IPPrefix) -> Bool {
        left.address == right.address ? left.length < right.length : left.address < right.address
    }

    private init(checked address: IPAddress, length: Int) {
        self.address = address
        bitCount = UInt8(truncatingIfNeeded: length)
    }
}

extension Sequence<IPPrefix> {
    /// The prefixes that lie in no other one, each once, in order. Two prefixes overlap only where one contains the
    /// other.
    public func outermost() -> [IPPrefix] {
        var kept: [IPPrefix] = []
        // In this order a prefix comes right behind what contains it.
        for prefix in sorted() where kept.last?.contains(prefix) != true { kept.append(prefix) }
        return kept
    }
}
