import Addressing

/// A hash from addresses to numbers, made for two kinds of use at once: packets are looked up in it by threads that
/// take no lock and count no reference, and the control thread puts a changed one in its place.
///
/// It is never changed. The entries lie in small shards, and a successor shares all shards but the few in which it
/// differs, so that one change among a hundred thousand peers copies a few kilobytes.
///
/// One address may have several entries, told apart by their tags. The hash is seeded, because node ids, and with them
/// prefixes, are for others to choose.
@safe
struct AddressMap: ~Copyable, Sendable {
    struct Entry: BitwiseCopyable, Hashable, Sendable {
        var key: AddressKey
        /// What kind of entry this is, 0 or more; negative in an empty slot.
        var tag: Int32
        /// 0 or more.
        var value: Int32
    }

    /// Open addressing with linear probing: entries of one address stand in the order of their values, and at least
    /// one slot is empty.
    @safe
    private final class Shard: Sendable {
        nonisolated(unsafe) let slots: UnsafeMutablePointer<Entry>
        let capacity: Int

        /// - Parameter entries: In the order of their values.
        init(_ entries: some Collection<Entry>, seed: UInt64) {
            capacity = entries.count + entries.count * 2 / 3 + 1
            // Sound: the slots live as long as this object, and every index is below the capacity.
            unsafe slots = .allocate(capacity: capacity)
            let empty = Entry(key: AddressKey(high: 0, low: 0), tag: -1, value: -1)
            unsafe slots.initialize(repeating: empty, count: capacity)
            for entry in entries {
                var slot = AddressMap.slot(AddressMap.hash(entry.key, seed), capacity: UInt64(capacity))
                while unsafe slots[slot].tag >= 0 { slot = slot + 1 == capacity ? 0 : slot + 1 }
                unsafe slots[slot] = entry
            }
        }

        deinit { unsafe slots.deallocate() }

        var entries: [Entry] {
            (0..<capacity).lazy.map { unsafe self.slots[$0] }.filter { $0.tag >= 0 }
        }
    }

    /// A shard as readers see it.
    @safe
    fileprivate struct View: BitwiseCopyable {
        var slots: UnsafeMutablePointer<Entry>
        var capacity: UInt64
    }

    /// How many entries a shard has when the map is made, and how many on average before it is made anew.
    private static let shardSize = 128
    private static let crowdedShardSize = 4 * shardSize

    private let shards: [Shard]
    private nonisolated(unsafe) let views: UnsafePointer<View>
    private let shardBits: UInt64
    private let seed: UInt64
    let count: Int

    /// - Parameters:
    ///   - entries: In the order of their values.
    ///   - seed: A random number that nobody outside can guess.
    init(_ entries: [Entry] = [], seed: UInt64) {
        var bits: UInt64 = 0
        while entries.count > Self.shardSize << Int(bits) { bits += 1 }
        var buckets = [[Entry]](repeating: [], count: 1 << Int(bits))
        for entry in entries { buckets[Self.shard(Self.hash(entry.key, seed), shift: Self.shift(bits))].append(entry) }
        self.init(buckets.map { Shard($0, seed: seed) }, bits: bits, seed: seed, count: entries.count)
    }

    private init(_ shards: [Shard], bits: UInt64, seed: UInt64, count: Int) {
        self.shards = shards
        self.seed = seed
        self.count = count
        shardBits = bits
        // Sound: the block lives as long as this value, has a view for each value of `shardBits` bits, and the slots
        // that the views lead to belong to the shards above.
        let views = UnsafeMutablePointer<View>.allocate(capacity: shards.count)
        for (index, shard) in shards.enumerated() {
            unsafe (views + index).initialize(to: View(slots: shard.slots, capacity: UInt64(shard.capacity)))
        }
        unsafe self.views = UnsafePointer(views)
    }

    deinit { unsafe views.deallocate() }

    /// The map with some entries less and some more; what it has in common with this one is shared.
    func successor(removing removed: [Entry], adding added: [Entry]) -> AddressMap {
        let newCount = count - removed.count + added.count
        if newCount > Self.crowdedShardSize * shards.count {
            let gone = Set(removed)
            return AddressMap((shards.flatMap(\.entries).filter { !gone.contains($0) } + added).inOrder, seed: seed)
        }
        var changes: [Int: (removed: [Entry], added: [Entry])] = [:]
        for entry in removed { changes[shardIndex(of: entry), default: ([], [])].removed.append(entry) }
        for entry in added { changes[shardIndex(of: entry), default: ([], [])].added.append(entry) }
        var shards = shards
        for (index, change) in changes {
            let kept = shards[index].entries.filter { !change.removed.contains($0) }
            shards[index] = Shard((kept + change.added).inOrder, seed: seed)
        }
        return AddressMap(shards, bits: shardBits, seed: seed, count: newCount)
    }

    private func shardIndex(of entry: Entry) -> Int {
        Self.shard(Self.hash(entry.key, seed), shift: Self.shift(shardBits))
    }

    /// For whoever keeps the map.
    var reader: Reader {
        @inline(__always) get { unsafe Reader(views: views, shardShift: Self.shift(shardBits), seed: seed) }
    }

    /// The first entry of `key` whose tag satisfies `matches`: the one with the least value. -1 where there is none.
    @inline(__always)
    func find(_ key: AddressKey, where matches: (Int32) -> Bool) -> Int { reader.find(key, where: matches) }

    /// The way to a map's entries, which somebody else has to keep: a copy costs next to nothing.
    @safe
    struct Reader: BitwiseCopyable {
        private let views: UnsafePointer<View>
        private let shardShift: UInt64
        private let seed: UInt64

        // Sound: the map has a view for each number that the shift leaves, and a slot for each number below a view's
        // capacity, which is what the search counts within; one of them is empty, where it ends.

        @inline(__always)
        fileprivate init(views: UnsafePointer<View>, shardShift: UInt64, seed: UInt64) {
            unsafe self.views = views
            self.shardShift = shardShift
            self.seed = seed
        }

        /// ``AddressMap/find(_:where:)``.
        @inline(__always)
        func find(_ key: AddressKey, where matches: (Int32) -> Bool) -> Int {
            let hash = AddressMap.hash(key, seed)
            let view = unsafe views[AddressMap.shard(hash, shift: shardShift)]
            var slot = AddressMap.slot(hash, capacity: view.capacity)
            while true {
                let entry = unsafe view.slots + slot
                if unsafe entry.pointee.tag < 0 { return -1 }
                if unsafe entry.pointee.key == key, matches(unsafe entry.pointee.tag) {
                    // Never negative, which the compiler sees from here on.
                    return Int(UInt32(bitPattern: unsafe entry.pointee.value))
                }
                slot &+= 1
                if slot == Int(truncatingIfNeeded: view.capacity) { slot = 0 }
            }
        }
    }

    /// Two rounds of a 64-bit mixer: a few nanoseconds where SipHash takes 25.
    @inline(__always)
    fileprivate static func hash(_ key: AddressKey, _ seed: UInt64) -> UInt64 {
        var hash = key.high ^ seed
        hash = (hash ^ hash >> 32) &* 0xd6e8_feb8_6659_fd93
        hash ^= key.low
        hash = (hash ^ hash >> 32) &* 0xd6e8_feb8_6659_fd93
        hash = (hash ^ hash >> 32) &* 0xd6e8_feb8_6659_fd93
        return hash ^ hash >> 32
    }

    /// The upper bits choose the shard: as many as ``shift(_:)`` leaves.
    @inline(__always)
    fileprivate static func shard(_ hash: UInt64, shift: UInt64) -> Int {
        Int(truncatingIfNeeded: (hash &>> 1) &>> shift)
    }

    @inline(__always)
    private static func shift(_ bits: UInt64) -> UInt64 { 63 &- bits }

    /// The lower 32 bits choose the slot, in proportion.
    @inline(__always)
    fileprivate static func slot(_ hash: UInt64, capacity: UInt64) -> Int {
        Int(truncatingIfNeeded: ((hash & 0xffff_ffff) &* capacity) &>> 32)
    }
}

extension [AddressMap.Entry] {
    fileprivate var inOrder: [AddressMap.Entry] { sorted { $0.value < $1.value } }
}
