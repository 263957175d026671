/// An Ethernet hardware address (IEEE 802 MAC-48), written `c2:11:22:33:44:55`.
public struct MACAddress: Hashable, Sendable, LosslessStringConvertible {
    /// The six bytes in transmission order.
    public let bytes: [UInt8]

    /// Makes an address from its six bytes, or nil for another count.
    public init?(bytes: some Collection<UInt8>) {
        guard bytes.count == 6 else { return nil }
        self.bytes = Array(bytes)
    }

    /// Makes a locally administered unicast address from the low 46 bits of `seed`: the same seed, the same address.
    public init(locallyAdministered seed: UInt64) {
        var bytes = (0..<6).map { UInt8(truncatingIfNeeded: seed >> (40 - 8 * $0)) }
        bytes[0] = bytes[0] & 0xfc | 0x02
        self.bytes = bytes
    }

    /// Reads six groups of two hexadecimal digits between colons.
    public init?(_ text: String) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        let bytes = parts.compactMap { part -> UInt8? in
            guard part.utf8.count == 2, part.allSatisfy({ $0.isASCII && $0.isHexDigit }) else { return nil }
            return UInt8(part, radix: 16)
        }
        guard parts.count == 6, bytes.count == 6 else { return nil }
        self.bytes = bytes
    }

    public var description: String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: ":")
    }

    /// True for group addresses (the low bit of the first byte), which no interface may carry.
    public var isMulticast: Bool { bytes[0] & 1 == 1 }

    public var isZero: Bool { bytes.allSatisfy { $0 == 0 } }
}
