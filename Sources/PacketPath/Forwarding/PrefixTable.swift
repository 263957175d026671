import Addressing

/// Finds the value of the longest prefix that contains an address.
///
/// A hash over prefixes for each family, asked once for each length in use, longest first. Overlays use one width for
/// all nodes, so that one probe decides; routes add a probe for each further length. Immutable; a successor shares most
/// of it.
@safe
package struct PrefixTable: ~Copyable, Sendable {
    typealias Entry = AddressMap.Entry

    private let v4: LengthTable
    private let v6: LengthTable
    /// Of IPv6 and IPv4, in this order.
    private nonisolated(unsafe) let readers: UnsafeMutablePointer<LengthTable.Reader>

    /// A prefix as an entry; `value` is 0 or more.
    static func entry(_ prefix: IPPrefix, _ value: Int32) -> Entry {
        Entry(key: AddressKey(prefix.first), tag: Int32(prefix.length + (prefix.family == .v4 ? 96 : 0)), value: value)
    }

    /// - Parameters:
    ///   - entries: Prefixes and what they lead to. Of equal prefixes the one with the least value counts.
    ///   - seed: Of the hash: ``AddressMap/init(_:seed:)``.
    init(_ entries: [(prefix: IPPrefix, value: Int32)] = [], seed: UInt64) {
        let entries = entries.map { Self.entry($0.prefix, $0.value) }
        self.init(
            v4: LengthTable(seed: seed).successor(removing: [], adding: entries.of(.v4)),
            v6: LengthTable(seed: seed).successor(removing: [], adding: entries.of(.v6)))
    }

    private init(v4: consuming LengthTable, v6: consuming LengthTable) {
        self.v4 = v4
        self.v6 = v6
        // Sound: the block lives as long as this value, which keeps the tables that the readers lead to.
        unsafe readers = .allocate(capacity: 2)
        unsafe readers.initialize(to: self.v6.reader)
        unsafe (readers + 1).initialize(to: self.v4.reader)
    }

    deinit { unsafe readers.deallocate() }

    /// The table with some entries less and some more.
    func successor(removing removed: [Entry], adding added: [Entry]) -> PrefixTable {
        PrefixTable(
            v4: v4.successor(removing: removed.of(.v4), adding: added.of(.v4)),
            v6: v6.successor(removing: removed.of(.v6), adding: added.of(.v6)))
    }

    /// The value of the longest prefix around `address`, or -1.
    @inline(__always)
    package func find(_ address: AddressKey) -> Int {
        unsafe readers[address.isV4 ? 1 : 0].find(address)
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
    private nonisolated(unsafe) let lengths: UnsafeMutablePointer<Length>
    private let lengthCount: Int

    fileprivate struct Length: BitwiseCopyable {
        var mask: AddressKey
        /// As in the map's tags.
        var tag: Int32
    }

    init(seed: UInt64) { self.init(AddressMap(seed: seed), uses: [Int](repeating: 0, count: 129)) }

    private init(_ map: consuming AddressMap, uses: [Int]) {
        self.map = map
        self.uses = uses
        let inUse = uses.indices.reversed().filter { uses[$0] > 0 }
        lengthCount = inUse.count
        // Sound: the block lives as long as this value and is indexed below `lengthCount`.
        unsafe lengths = .allocate(capacity: max(inUse.count, 1))
        for (index, length) in inUse.enumerated() {
            unsafe (lengths + index).initialize(to: Length(mask: .mask(length), tag: Int32(length)))
        }
    }

    deinit { unsafe lengths.deallocate() }

    func successor(removing removed: [Entry], adding added: [Entry]) -> LengthTable {
        var uses = uses
        for entry in removed { uses[Int(entry.tag)] -= 1 }
        for entry in added { uses[Int(entry.tag)] += 1 }
        return LengthTable(map.successor(removing: removed, adding: added), uses: uses)
    }

    /// For whoever keeps the table.
    var reader: Reader { unsafe Reader(map: map.reader, lengths: lengths, end: lengths + lengthCount) }

    /// The way to a table, which somebody else has to keep.
    @safe
    struct Reader: BitwiseCopyable {
        private let map: AddressMap.Reader
        private let lengths: UnsafePointer<Length>
        private let end: UnsafePointer<Length>

        fileprivate init(map: AddressMap.Reader, lengths: UnsafePointer<Length>, end: UnsafePointer<Length>) {
            self.map = map
            unsafe self.lengths = lengths
            unsafe self.end = end
        }

        @inline(__always)
        func find(_ address: AddressKey) -> Int {
            // Sound: goes through the table's lengths and no further.
            var length = unsafe lengths
            while unsafe length != end {
                let tag = unsafe length.pointee.tag
                let value = unsafe map.find(address.masked(length.pointee.mask)) { $0 == tag }
                if value >= 0 { return value }
                unsafe length += 1
            }
            return -1
        }
    }
}

extension [AddressMap.Entry] {
    fileprivate func of(_ family: IPFamily) -> [AddressMap.Entry] {
        filter { ($0.key.isV4 && $0.tag >= 96) == (family == .v4) }
    }
}
