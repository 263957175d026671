internal import BPFShim
internal import Glibc
public import Host

/// A map in the kernel, whatever its entries are made of. It stays there as long as this value, a program or a pin
/// holds it.
public final class BPFMapHandle: Sendable {
    /// The kinds of maps that can be made here; the numbers are those of `enum bpf_map_type` (linux/bpf.h).
    public enum Kind: UInt32, Sendable {
        case hash = 1
        case array = 2
        case perProcessorHash = 5
        case perProcessorArray = 6
        /// Forgets the entry that was used least recently where it is full.
        case leastRecentlyUsedHash = 9
        /// Its key begins with the length of a prefix in bits: 32 bits, host byte order.
        case prefixTrie = 11
    }

    /// The kernel's number for it, until it is gone.
    public let id: UInt32
    /// Of its name the kernel keeps fifteen characters.
    public let name: String
    /// Nil for any kind that is not named above.
    public let kind: Kind?
    /// In bytes.
    public let keySize: Int
    /// Of one value, in bytes.
    public let valueSize: Int
    /// How many entries there is room for.
    public let capacity: UInt32
    /// Whether an entry has a value for each processor.
    public let isPerProcessor: Bool

    private let handle: OwnedDescriptor
    /// The descriptor's number, valid while this value lives.
    var raw: Int32 { handle.raw }

    init(owning handle: consuming OwnedDescriptor) throws(SystemError) {
        var information = warrens_bpf_map()
        if unsafe warrens_bpf_map_information(handle.raw, &information) < 0 { throw .last("inspect", "eBPF map") }
        self.handle = handle
        id = information.id
        name = text(information.name)
        kind = Kind(rawValue: information.type)
        keySize = Int(information.key_size)
        valueSize = Int(information.value_size)
        capacity = information.capacity
        isPerProcessor = information.is_per_processor
    }

    /// Opens a pinned map.
    public convenience init(pinnedAt path: String) throws(SystemError) {
        try self.init(owning: Pin.open(path))
    }

    /// Makes a map outside of any object.
    public convenience init(
        _ kind: Kind, name: String, keySize: Int, valueSize: Int, capacity: UInt32
    ) throws(SystemError) {
        let raw = try retrying("create eBPF map", name) {
            // Sound: the kernel copies the name before the call returns.
            unsafe warrens_bpf_map_create(
                kind.rawValue, name, UInt32(clamping: keySize), UInt32(clamping: valueSize), capacity, 0)
        }
        try self.init(owning: OwnedDescriptor(owning: raw))
    }

    /// Has it outlive this process, below a bpffs.
    ///
    /// - Throws: EEXIST where something is pinned there.
    public func pin(at path: String) throws(SystemError) {
        try Pin.create(raw, at: path)
    }

    /// The error of the call that just failed, with errno.
    func failure(_ operation: String) -> SystemError {
        .last(operation, "eBPF map \(name)")
    }

    /// Checks that an entry here is made as `Key` and `Value` are in memory.
    func checkLayout<Key, Value>(_ key: Key.Type, _ value: Value.Type, perProcessor: Bool) throws(SystemError) {
        guard keySize == MemoryLayout<Key>.size, keySize == MemoryLayout<Key>.stride,
            valueSize == MemoryLayout<Value>.size, valueSize == MemoryLayout<Value>.stride,
            isPerProcessor == perProcessor
        else {
            let theirs = "a key has \(keySize) bytes, a value \(valueSize)\(isPerProcessor ? " per processor" : "")"
            let ours =
                "\(MemoryLayout<Key>.stride) and \(MemoryLayout<Value>.stride)\(perProcessor ? " per processor" : "")"
            throw SystemError("use", "eBPF map \(name)", code: EINVAL, detail: "\(theirs), where \(ours) are expected")
        }
    }
}
