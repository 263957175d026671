import Addressing

/// Finds the value of the longest prefix that contains an address.
///
/// A hash over prefixes for each family, asked once for each length in use, longest first. Overlays use one width for
/// all nodes, so that one probe decides; routes add a probe for each further length. Immutable; a successor shares most
/// of it.
package struct PrefixTable: ~Copyable, Sendable {
    typealias Entry = AddressMap.Entry

    private let v4: LengthTable
    private let v6: LengthTable

    /// A prefix as an entry; `value` is 0 or more.
    static func entry(_ prefix: IPPrefix, _ value: Int32) -> Entry {
        Entry(key: AddressKey(prefix.first), tag: Int32(prefix.length + (prefix.family == .v4 ? 96 : 0)), value: value)
    }

    /// - Parameter entries: Prefixes and what they lead to. Of equal prefixes the one with the least value counts.
    init(_ entries: [(prefix: IPPrefix, value: Int32)] = []) {
        let entries = entries.map { Self.entry($0.prefix, $0.value) }
        v4 = LengthTable().successor(removing: [], adding: entries.of(.v4))
        v6 = LengthTable().successor(removing: [], adding: entries.of(.v6))
    }

    private init(_ former: borrowing PrefixTable, removing removed: [Entry], adding added: [Entry]) {
        v4 = former.v4.successor(removing: removed.of(.v4), adding: added.of(.v4))
        v6 = former.v6.successor(removing: removed.of(.v6), adding: added.of(.v6))
    }

    /// The table with some entries less and some more.
    func successor(removing removed: [Entry], adding added: [Entry]) -> PrefixTable {
        PrefixTable(self, removing: removed, adding: added)
    }

    /// The value of the longest prefix around `address`, or -1.
    @inline(__always)
    package func find(_ address: AddressKey) -> Int {
        address.isV4 ? v4.find(address) : v6.find(address)
    }
}

/// The prefixes of one family, and which lengths they have.
@safe
private struct LengthTable: ~Copyable, Sendable {
    typealias Entry = AddressMap.Entry

    /// The first address of each prefix, tagged with its length. IPv4's is counted in the mapped form: 96 more.
    private let map: AddressMap
    /// How many prefixes there are of each length.
    private let uses: [Int]
    /// The lengths in use, longest first.
    private nonisolated(unsafe) let lengths: UnsafeMutablePointer<Int32>
    private let lengthCount: Int

    init() { self.init(AddressMap(), uses: [Int](repeating: 0, count: 129)) }

    private init(_ map: consuming AddressMap, uses: [Int]) {
        self.map = map
        self.uses = uses
        let inUse = uses.indices.reversed().filter { uses[$0] > 0 }
        lengthCount = inUse.count
        // Sound: the block lives as long as this value and is indexed below `lengthCount`.
        unsafe lengths = .allocate(capacity: max(inUse.count, 1))
        for (index, length) in inUse.enumerated() { unsafe (lengths + index).initialize(to: Int32(length)) }
    }

    deinit { unsafe lengths.deallocate() }

    func successor(removing removed: [Entry], adding added: [Entry]) -> LengthTable {
        var uses = uses
        for entry in removed { uses[Int(entry.tag)] -= 1 }
        for entry in added { uses[Int(entry.tag)] += 1 }
        return LengthTable(map.successor(removing: removed, adding: added), uses: uses)
    }

    @inline(__always)
    func find(_ address: AddressKey) -> Int {
        var step = 0
        while step < lengthCount {
            let length = unsafe lengths[step]
            let value = map.find(address.masked(Int(length))) { $0 == length }
            if value >= 0 { return value }
            step += 1
        }
        return -1
    }
}

extension [AddressMap.Entry] {
    fileprivate func of(_ family: IPFamily) -> [AddressMap.Entry] {
        filter { ($0.key.isV4 && $0.tag >= 96) == (family == .v4) }
    }
}
