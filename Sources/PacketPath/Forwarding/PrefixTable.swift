import Addressing

/// Finds the value of the longest prefix that contains an address.
///
/// An open-addressing hash over (prefix, length), asked once for each length in use, longest first. Overlays use one
/// width for all nodes, so that one probe decides; routes add a probe for each further length.
///
/// Immutable once built. The hash is seeded at random, because node ids, and with them prefixes, are for others to
/// choose.
@safe
struct PrefixTable: ~Copyable, Sendable {
    private struct Slot: BitwiseCopyable {
        var key: AddressKey
        /// 0...128, counted in the mapped form; negative where the slot is empty.
        var length: Int32
        var value: Int32
    }

    private nonisolated(unsafe) let slots: UnsafeMutablePointer<Slot>
    private nonisolated(unsafe) let lengths: UnsafeMutablePointer<Int>
    private let mask: Int
    private let seed: UInt64
    /// How many of `lengths` serve IPv4; they stand first.
    private let countV4: Int
    private let count: Int

    /// - Parameter entries: Prefixes and what they lead to, 0 or more. Of two equal prefixes the first one stays.
    init(_ entries: [(prefix: IPPrefix, value: Int32)]) {
        var lengthsV4: Set<Int> = []
        var lengthsV6: Set<Int> = []
        for entry in entries {
            if entry.prefix.family == .v4 {
                lengthsV4.insert(96 + entry.prefix.length)
            } else {
                lengthsV6.insert(entry.prefix.length)
            }
        }
        let all = lengthsV4.sorted(by: >) + lengthsV6.sorted(by: >)
        var capacity = 4
        while capacity < entries.count * 2 { capacity *= 2 }
        countV4 = lengthsV4.count
        count = all.count
        mask = capacity - 1
        seed = UInt64.random(in: 0 ... .max)
        // Sound: both blocks live as long as this value, are written here alone, and are indexed below their
        // capacity: `mask` bounds the one, `count` the other.
        unsafe slots = .allocate(capacity: capacity)
        unsafe slots.initialize(
            repeating: Slot(key: AddressKey(high: 0, low: 0), length: -1, value: -1), count: capacity)
        unsafe lengths = .allocate(capacity: max(all.count, 1))
        for (index, length) in all.enumerated() { unsafe (lengths + index).initialize(to: length) }
        for entry in entries {
            let length = entry.prefix.family == .v4 ? 96 + entry.prefix.length : entry.prefix.length
            insert(AddressKey(entry.prefix.first), length: length, value: entry.value)
        }
    }

    deinit {
        unsafe slots.deallocate()
        unsafe lengths.deallocate()
    }

    private func insert(_ key: AddressKey, length: Int, value: Int32) {
        var index = start(key, length)
        while unsafe slots[index].length >= 0 {
            if unsafe slots[index].length == Int32(length), unsafe slots[index].key == key { return }
            index = (index + 1) & mask
        }
        unsafe slots[index] = Slot(key: key, length: Int32(length), value: value)
    }

    /// The value of the longest prefix around `address`, or -1.
    @inline(__always)
    func find(_ address: AddressKey) -> Int {
        let isV4 = address.isV4
        var step = isV4 ? 0 : countV4
        let end = isV4 ? countV4 : count
        while step < end {
            let length = unsafe lengths[step]
            let key = address.masked(length)
            var index = start(key, length)
            while true {
                let slot = unsafe slots[index]
                if slot.length < 0 { break }
                if slot.length == Int32(truncatingIfNeeded: length), slot.key == key { return Int(slot.value) }
                index = (index + 1) & mask
            }
            step += 1
        }
        return -1
    }

    @inline(__always)
    private func start(_ key: AddressKey, _ length: Int) -> Int {
        // Two rounds of a 64-bit mixer: a few nanoseconds where SipHash takes 25.
        var hash = key.high ^ seed
        hash = (hash ^ hash >> 32) &* 0xd6e8_feb8_6659_fd93
        hash ^= key.low &+ UInt64(truncatingIfNeeded: length)
        hash = (hash ^ hash >> 32) &* 0xd6e8_feb8_6659_fd93
        hash = (hash ^ hash >> 32) &* 0xd6e8_feb8_6659_fd93
        return Int(truncatingIfNeeded: hash ^ hash >> 32) & mask
    }
}
