import Addressing

/// Finds the value of the longest prefix that contains an address.
///
/// A hash over prefixes, asked once for each length in use, longest first. Overlays use one width for all nodes, so
/// that one probe decides; routes add a probe for each further length. Immutable; a successor shares most of it.
@safe
struct PrefixTable: ~Copyable, Sendable {
    typealias Entry = AddressMap.Entry

    /// The first address of each prefix, tagged with its length, counted in the mapped form.
    private let map: AddressMap
    /// How many prefixes there are of each length: IPv4's, by 96 more than their length, then IPv6's.
    private let usesV4: [Int]
    private let usesV6: [Int]
    private nonisolated(unsafe) let lengths: UnsafeMutablePointer<Int32>
    /// How many of `lengths` serve IPv4; they stand first.
    private let countV4: Int
    private let lengthCount: Int

    /// A prefix as an entry; `value` is 0 or more.
    static func entry(_ prefix: IPPrefix, _ value: Int32) -> Entry {
        Entry(key: AddressKey(prefix.first), tag: Int32(prefix.length + (prefix.family == .v4 ? 96 : 0)), value: value)
    }

    /// - Parameter entries: Prefixes and what they lead to. Of equal prefixes the one with the least value counts.
    init(_ entries: [(prefix: IPPrefix, value: Int32)] = []) {
        let entries = entries.map { Self.entry($0.prefix, $0.value) }.sorted { $0.value < $1.value }
        let none = [Int](repeating: 0, count: 129)
        self.init(
            AddressMap(entries), usesV4: none.counting(entries, v4: true), usesV6: none.counting(entries, v4: false))
    }

    private init(_ map: consuming AddressMap, usesV4: [Int], usesV6: [Int]) {
        self.map = map
        self.usesV4 = usesV4
        self.usesV6 = usesV6
        let inUse = { (uses: [Int]) in uses.indices.reversed().filter { uses[$0] > 0 }.map { Int32($0) } }
        let all = inUse(usesV4) + inUse(usesV6)
        countV4 = inUse(usesV4).count
        lengthCount = all.count
        // Sound: the block lives as long as this value and is indexed below `lengthCount`.
        unsafe lengths = .allocate(capacity: max(all.count, 1))
        for (index, length) in all.enumerated() { unsafe (lengths + index).initialize(to: length) }
    }

    deinit { unsafe lengths.deallocate() }

    /// The table with some entries less and some more.
    func successor(removing removed: [Entry], adding added: [Entry]) -> PrefixTable {
        let count = { (uses: [Int], v4: Bool) in
            uses.counting(removed, v4: v4, by: -1).counting(added, v4: v4)
        }
        return PrefixTable(
            map.successor(removing: removed, adding: added), usesV4: count(usesV4, true),
            usesV6: count(usesV6, false))
    }

    /// The value of the longest prefix around `address`, or -1.
    @inline(__always)
    func find(_ address: AddressKey) -> Int {
        let isV4 = address.isV4
        var step = isV4 ? 0 : countV4
        let end = isV4 ? countV4 : lengthCount
        while step < end {
            let length = unsafe lengths[step]
            let value = map.find(address.masked(Int(length))) { $0 == length }
            if value >= 0 { return value }
            step += 1
        }
        return -1
    }
}

extension [Int] {
    /// Counts the lengths of one family's prefixes.
    fileprivate func counting(_ entries: [AddressMap.Entry], v4: Bool, by step: Int = 1) -> [Int] {
        var counts = self
        for entry in entries where (entry.key.isV4 && entry.tag >= 96) == v4 { counts[Int(entry.tag)] += step }
        return counts
    }
}
