import Addressing

/// A hash from addresses to numbers, made for two kinds of use at once: packets are looked up in it by threads that
/// take no lock and count no reference, and the control thread puts a changed one in its place.
///
/// It is never changed. The entries lie in small shards, and a successor shares all shards but the few in which it
/// differs, so that one change among a hundred thousand peers copies a few kilobytes.
///
/// One address may have several entries, told apart by their tags. The hash is seeded at random, because node ids, and
/// with them prefixes, are for others to choose.
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
    private struct View: BitwiseCopyable {
        var slots: UnsafeMutablePointer<Entry>
        var capacity: UInt64
    }

    /// How many entries a shard has when the map is made, and how many on average before it is made anew.
    private static let shardSize = 128
    private static let crowdedShardSize = 4 * shardSize

    private let shards: [Shard]
    private nonisolated(unsafe) let views: UnsafeMutablePointer<View>
    private let shardBits: UInt64
    private let seed: UInt64
    let count: Int

    init() { self.init([]) }

    /// - Parameter entries: In the order of their values.
    init(_ entries: [Entry]) {
        var bits: UInt64 = 0
        while entries.count > Self.shardSize << Int(bits) { bits += 1 }
        let seed = UInt64.random(in: 0 ... .max)
        var buckets = [[Entry]](repeating: [], count: 1 << Int(bits))
        for entry in entries { buckets[Self.shard(Self.hash(entry.key, seed), bits: bits)].append(entry) }
        self.init(buckets.map { Shard($0, seed: seed) }, bits: bits, seed: seed, count: entries.count)
    }

    private init(_ shards: [Shard], bits: UInt64, seed: UInt64, count: Int) {
        self.shards = shards
        self.seed = seed
        self.count = count
        shardBits = bits
        // Sound: the block lives as long as this value, has a view for each value of `shardBits` bits, and the slots
        // that the views lead to belong to the shards above.
        unsafe views = .allocate(capacity: shards.count)
        for (index, shard) in shards.enumerated() {
            unsafe (views + index).initialize(to: View(slots: shard.slots, capacity: UInt64(shard.capacity)))
        }
    }

    deinit { unsafe views.deallocate() }

    /// The map with some entries less and some more; what it has in common with this one is shared.
    func successor(removing removed: [Entry], adding added: [Entry]) -> AddressMap {
        let newCount = count - removed.count + added.count
        if newCount > Self.crowdedShardSize * shards.count {
            let gone = Set(removed)
            return AddressMap((shards.flatMap(\.entries).filter { !gone.contains($0) } + added).inOrder)
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

    private func shardIndex(of entry: Entry) -> Int { Self.shard(Self.hash(entry.key, seed), bits: shardBits) }

    /// The first entry of `key` whose tag satisfies `matches`: the one with the least value. -1 where there is none.
    @inline(__always)
    func find(_ key: AddressKey, where matches: (Int32) -> Bool) -> Int {
        let hash = Self.hash(key, seed)
        let view = unsafe views[Self.shard(hash, bits: shardBits)]
        var slot = Self.slot(hash, capacity: view.capacity)
        while true {
            let entry = unsafe view.slots[slot]
            if entry.tag < 0 { return -1 }
            if entry.key == key, matches(entry.tag) { return Int(entry.value) }
            slot += 1
            if slot == Int(truncatingIfNeeded: view.capacity) { slot = 0 }
        }
    }

    /// Two rounds of a 64-bit mixer: a few nanoseconds where SipHash takes 25.
    @inline(__always)
    private static func hash(_ key: AddressKey, _ seed: UInt64) -> UInt64 {
        var hash = key.high ^ seed
        hash = (hash ^ hash >> 32) &* 0xd6e8_feb8_6659_fd93
        hash ^= key.low
        hash = (hash ^ hash >> 32) &* 0xd6e8_feb8_6659_fd93
        hash = (hash ^ hash >> 32) &* 0xd6e8_feb8_6659_fd93
        return hash ^ hash >> 32
    }

    /// The upper bits choose the shard.
    @inline(__always)
    private static func shard(_ hash: UInt64, bits: UInt64) -> Int {
        Int(truncatingIfNeeded: (hash &>> 1) &>> (63 &- bits))
    }

    /// The lower 32 bits choose the slot, in proportion.
    @inline(__always)
    private static func slot(_ hash: UInt64, capacity: UInt64) -> Int {
        Int(truncatingIfNeeded: ((hash & 0xffff_ffff) &* capacity) &>> 32)
    }
}

extension [AddressMap.Entry] {
    fileprivate var inOrder: [AddressMap.Entry] { sorted { $0.value < $1.value } }
}
