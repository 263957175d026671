import Addressing

/// The addresses from one to another, of which a pool keeps track: `10.220.106.8-10.220.106.255`.
struct PoolName: Hashable, LosslessStringConvertible {
    let first: IPAddress
    let last: IPAddress

    /// Fails where the two are of different families or in the wrong order.
    init?(first: IPAddress, last: IPAddress) {
        guard first.family == last.family, first <= last else { return nil }
        self.first = first
        self.last = last
    }

    init?(_ text: String) {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2, let first = IPAddress(String(parts[0])), let last = IPAddress(String(parts[1])) else {
            return nil
        }
        self.init(first: first, last: last)
    }

    var description: String { "\(first)-\(last)" }

    func contains(_ address: IPAddress) -> Bool {
        address.family == first.family && first <= address && address <= last
    }

    func overlaps(_ other: PoolName) -> Bool {
        first.family == other.first.family && first <= other.last && other.first <= last
    }

    /// Larger pools than this hand out only their first addresses by themselves. It bounds the size of their files.
    private static let slotLimit: UInt128 = 1 << 20

    /// How many addresses the pool hands out by itself.
    var slotCount: Int { Int(min(last.bits - first.bits, Self.slotLimit - 1)) + 1 }

    /// The position of an address in the pool; nil where it is outside, or beyond what the pool keeps track of.
    func slot(of address: IPAddress) -> Int? {
        guard contains(address), address.bits - first.bits < UInt128(slotCount) else { return nil }
        return Int(address.bits - first.bits)
    }

    /// The address at a position.
    func address(at slot: Int) -> IPAddress? {
        first.advanced(by: UInt128(slot))
    }
}
