internal import Addressing

/// The 64 bits from which a node's subnets follow: a hash of its machine id (and, after a collision, of randomness).
public struct NodeID: Hashable, Sendable, Comparable, CustomStringConvertible {
    public let rawValue: UInt64

    public init(rawValue: UInt64) {
        self.rawValue = rawValue
    }

    /// The id that a machine starts with: FNV-1a over the 33 canonical bytes of its machine id.
    public init(machineID: MachineID) {
        rawValue = FNV1a.hash64(machineID.canonicalBytes)
    }

    /// The id after `generation` renumberings: FNV-1a over the 33 bytes, 16 random bytes and the generation.
    ///
    /// Generation 0 is the id that the machine starts with, whatever the randomness.
    public init(machineID: MachineID, randomness: [UInt8], generation: UInt8) {
        if generation == 0 {
            self.init(machineID: machineID)
        } else {
            self.init(rawValue: FNV1a.hash64(machineID.canonicalBytes + randomness + [generation]))
        }
    }

    /// Reads 16 hexadecimal digits.
    public init?(_ text: some StringProtocol) {
        guard let bytes = Hexadecimal.bytes(text.utf8), bytes.count == 8 else { return nil }
        rawValue = bytes.reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// 16 lower-case hexadecimal digits, leading zeros included.
    public var description: String {
        let digits = String(rawValue, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    public static func < (left: NodeID, right: NodeID) -> Bool { left.rawValue < right.rawValue }
}
