internal import BPFShim
internal import Glibc
internal import Host

extension BPFMapHandle {
    /// How many entries one system call fetches. A hash table's bucket, which is fetched as a whole, never has as many.
    private static let batch = 4096
    /// The kernel's own error number for what a kind of map cannot do; errno(3) does not have it.
    private static let unsupported: Int32 = 524

    /// Calls `body` with each entry's key and value, which are valid during the call alone.
    ///
    /// An entry that comes or goes meanwhile may be left out; none comes twice unless the kernel knows no batches.
    ///
    /// - Parameter valueSize: The length of the whole value as the kernel writes it, in bytes.
    func forEachEntry(
        valueSize: Int, _ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer) -> Void
    ) throws(SystemError) {
        do throws(SystemError) {
            try unsafe forEachEntryInBatches(valueSize: valueSize, body)
        } catch  where error.code == EINVAL || error.code == Self.unsupported {
            try unsafe forEachEntryOneByOne(valueSize: valueSize, body)
        }
    }

    private func forEachEntryInBatches(
        valueSize: Int, _ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer) -> Void
    ) throws(SystemError) {
        let room = min(Self.batch, Int(capacity))
        var position = [UInt8](repeating: 0, count: max(keySize, 4))
        var keys = [UInt8](repeating: 0, count: room * keySize)
        var values = [UInt8](repeating: 0, count: room * valueSize)
        var isFirst = true
        while true {
            var count = UInt32(room)
            // Sound: there is room for as many keys and values as the kernel is told, and for a key as position.
            let result = unsafe position.withUnsafeMutableBytes { position in
                unsafe keys.withUnsafeMutableBytes { keys in
                    unsafe values.withUnsafeMutableBytes { values in
                        unsafe warrens_bpf_map_lookup_batch(
                            raw, isFirst ? nil : UnsafeRawPointer(position.baseAddress), position.baseAddress,
                            keys.baseAddress, values.baseAddress, &count)
                    }
                }
            }
            let isLast = result < 0 && errno == ENOENT
            if result < 0, !isLast { throw failure("list") }
            unsafe keys.withUnsafeBytes { keys in
                unsafe values.withUnsafeBytes { values in
                    for index in 0..<min(Int(count), room) {
                        unsafe body(
                            UnsafeRawBufferPointer(rebasing: keys[index * keySize..<(index + 1) * keySize]),
                            UnsafeRawBufferPointer(rebasing: values[index * valueSize..<(index + 1) * valueSize]))
                    }
                }
            }
            if isLast { return }
            isFirst = false
        }
    }

    /// What every kernel can do. Where a key is removed before its follower is asked for, the kernel begins again: so
    /// there is a bound to it.
    private func forEachEntryOneByOne(
        valueSize: Int, _ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer) -> Void
    ) throws(SystemError) {
        var key = [UInt8](repeating: 0, count: keySize)
        var next = key
        var value = [UInt8](repeating: 0, count: valueSize)
        for step in 0..<2 * Int(capacity) {
            // Sound: the arrays have the sizes of this map's keys and values.
            let result = unsafe key.withUnsafeBytes { key in
                unsafe next.withUnsafeMutableBytes { next in
                    unsafe warrens_bpf_map_next(raw, step == 0 ? nil : key.baseAddress, next.baseAddress)
                }
            }
            if result < 0 {
                if errno == ENOENT { return }
                throw failure("list")
            }
            swap(&key, &next)
            let found = unsafe key.withUnsafeBytes { key in
                unsafe value.withUnsafeMutableBytes { value in
                    unsafe warrens_bpf_map_lookup(raw, key.baseAddress, value.baseAddress)
                }
            }
            if found < 0 {
                if errno == ENOENT { continue }
                throw failure("read")
            }
            unsafe key.withUnsafeBytes { key in
                unsafe value.withUnsafeBytes { value in unsafe body(key, value) }
            }
        }
    }
}
