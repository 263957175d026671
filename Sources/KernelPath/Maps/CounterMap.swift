internal import BPFShim
internal import Glibc
public import Host

/// A map whose values are 64-bit counters that each processor keeps for itself, so that counting costs no lock.
///
/// A value may be a structure of several such counters. What is read is the sum over all processors, which may leave
/// out a packet that is counted at that moment.
public struct CounterMap<Key: BitwiseCopyable & Sendable>: Sendable {
    public let handle: BPFMapHandle
    /// How many counters an entry has.
    private let width: Int
    private let processors: Int

    /// - Throws: EINVAL where the map is none of that kind, or its keys have another size.
    public init(_ handle: BPFMapHandle) throws(SystemError) {
        guard handle.isPerProcessor, handle.keySize == MemoryLayout<Key>.size,
            handle.keySize == MemoryLayout<Key>.stride, handle.valueSize % 8 == 0
        else {
            throw SystemError(
                "use", "eBPF map \(handle.name)", code: EINVAL,
                detail: "it has no 64-bit counters for each processor under keys of \(MemoryLayout<Key>.size) bytes")
        }
        self.handle = handle
        width = handle.valueSize / 8
        processors = Int(try retrying("count", "processors") { warrens_bpf_possible_processors() })
    }

    /// Opens a pinned map.
    public init(pinnedAt path: String) throws(SystemError) {
        try self.init(BPFMapHandle(pinnedAt: path))
    }

    /// The counters of an entry, each summed over all processors; nil where there is no such entry.
    public func total(_ key: Key) throws(SystemError) -> [UInt64]? {
        var values = [UInt8](repeating: 0, count: processors * handle.valueSize)
        // Sound: the kernel writes a value for each possible processor, and the sizes were checked.
        let result = unsafe withUnsafeBytes(of: key) { key in
            unsafe values.withUnsafeMutableBytes {
                unsafe warrens_bpf_map_lookup(handle.raw, key.baseAddress, $0.baseAddress)
            }
        }
        if result == 0 { return unsafe values.withUnsafeBytes { unsafe sum($0) } }
        if errno == ENOENT { return nil }
        throw handle.failure("read")
    }

    /// Calls `body` with each entry's key and sums, in no order, of an array in that of its keys.
    public func forEach(_ body: (Key, [UInt64]) -> Void) throws(SystemError) {
        try unsafe handle.forEachEntry(valueSize: processors * handle.valueSize) { key, values in
            // Sound: the key has this type's size, as `init` has checked.
            unsafe body(key.loadUnaligned(as: Key.self), sum(values))
        }
    }

    private func sum(_ values: UnsafeRawBufferPointer) -> [UInt64] {
        (0..<width).map { counter in
            (0..<processors).reduce(0) { total, processor in
                // Counters that wrap around are no reason to trap.
                unsafe total &+ values.loadUnaligned(fromByteOffset: (processor * width + counter) * 8, as: UInt64.self)
            }
        }
    }
}
