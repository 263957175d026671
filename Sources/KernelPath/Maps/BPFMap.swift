internal import BPFShim
internal import Glibc
public import Host

/// A map with one value for each key: a hash table, an array or a prefix trie.
///
/// `Key` and `Value` stand in memory as the programs have them: integers, or structures of them imported from the C
/// header that both share. A hash is made over all bytes of a key, so a key has no padding. Arrays have all of their
/// keys, from 0 up, always.
///
/// May be used by many threads at once.
public struct BPFMap<Key: BitwiseCopyable & Sendable, Value: BitwiseCopyable & Sendable>: Sendable {
    public let handle: BPFMapHandle

    /// - Throws: EINVAL where the map's keys or values have other sizes, or it has values for each processor.
    public init(_ handle: BPFMapHandle) throws(SystemError) {
        try handle.checkLayout(Key.self, Value.self, perProcessor: false)
        self.handle = handle
    }

    /// Opens a pinned map.
    public init(pinnedAt path: String) throws(SystemError) {
        try self.init(BPFMapHandle(pinnedAt: path))
    }

    /// Makes a map outside of any object.
    public init(_ kind: BPFMapHandle.Kind, name: String, capacity: UInt32) throws(SystemError) {
        try self.init(
            BPFMapHandle(
                kind, name: name, keySize: MemoryLayout<Key>.size, valueSize: MemoryLayout<Value>.size,
                capacity: capacity))
    }

    /// The value for `key`: of a prefix trie, that of the longest prefix that holds it. Nil where there is none.
    public func value(for key: Key) throws(SystemError) -> Value? {
        try unsafe withUnsafeTemporaryAllocation(of: Value.self, capacity: 1) { memory throws(SystemError) in
            // Sound: the map's key and value have the sizes of these types, as `init` has checked; the value is read
            // only where the kernel has written all of it.
            let result = unsafe withUnsafeBytes(of: key) {
                unsafe warrens_bpf_map_lookup(handle.raw, $0.baseAddress, memory.baseAddress)
            }
            if result == 0 { return unsafe memory[0] }
            if errno == ENOENT { return nil }
            throw handle.failure("read")
        }
    }

    /// Sets the value for `key`, in one step for the programs that read it.
    ///
    /// - Throws: E2BIG where a hash table is full, ENOSPC where a prefix trie is.
    public func set(_ value: Value, for key: Key) throws(SystemError) {
        // Sound: as above.
        let result = unsafe withUnsafeBytes(of: key) { key in
            unsafe withUnsafeBytes(of: value) { value in
                unsafe warrens_bpf_map_update(handle.raw, key.baseAddress, value.baseAddress, 0)
            }
        }
        if result < 0 { throw handle.failure("write") }
    }

    /// Removes an entry.
    ///
    /// - Returns: False where there was none.
    @discardableResult
    public func remove(_ key: Key) throws(SystemError) -> Bool {
        let result = unsafe withUnsafeBytes(of: key) { unsafe warrens_bpf_map_delete(handle.raw, $0.baseAddress) }
        if result == 0 { return true }
        if errno == ENOENT { return false }
        throw handle.failure("remove from")
    }

    // MARK: Many at a time

    /// How many entries one system call takes.
    private static var batch: Int { 4096 }

    /// Sets many values: the same as one after the other, in fewer system calls.
    public func set(_ entries: [(key: Key, value: Value)]) throws(SystemError) {
        var rest = entries[...]
        while !rest.isEmpty {
            let part = rest.prefix(Self.batch)
            rest = rest.dropFirst(Self.batch)
            let keys = part.map(\.key)
            let values = part.map(\.value)
            // Sound: both arrays have `count` elements, whose stride is their size.
            let result = unsafe keys.withUnsafeBytes { keys in
                unsafe values.withUnsafeBytes { values in
                    unsafe warrens_bpf_map_update_batch(
                        handle.raw, keys.baseAddress, values.baseAddress, UInt32(part.count))
                }
            }
            // Either this kernel knows no batches of such a map, or the one that cannot be set is to be found.
            if result < 0 { for (key, value) in part { try set(value, for: key) } }
        }
    }

    /// Removes many entries; those that are not there count as removed.
    public func remove(_ keys: [Key]) throws(SystemError) {
        var rest = keys[...]
        while !rest.isEmpty {
            let part = Array(rest.prefix(Self.batch))
            rest = rest.dropFirst(Self.batch)
            // Sound: the array has `count` elements, whose stride is their size.
            let result = unsafe part.withUnsafeBytes {
                unsafe warrens_bpf_map_delete_batch(handle.raw, $0.baseAddress, UInt32(part.count))
            }
            // The kernel stops at the first one that is not there.
            if result < 0 { for key in part { try remove(key) } }
        }
    }

    /// Calls `body` with each entry, in no order. One that comes or goes meanwhile may be left out.
    public func forEach(_ body: (Key, Value) -> Void) throws(SystemError) {
        try unsafe handle.forEachEntry(valueSize: handle.valueSize) { key, value in
            // Sound: as above; the kernel's bytes are aligned for nothing.
            unsafe body(key.loadUnaligned(as: Key.self), value.loadUnaligned(as: Value.self))
        }
    }

    /// All entries, in no order.
    public func entries() throws(SystemError) -> [(key: Key, value: Value)] {
        var entries: [(key: Key, value: Value)] = []
        try forEach { entries.append((key: $0, value: $1)) }
        return entries
    }

    /// How many entries there are: all are read to know it.
    public func count() throws(SystemError) -> Int {
        var count = 0
        try forEach { _, _ in count += 1 }
        return count
    }
}
