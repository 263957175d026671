internal import Host
internal import Synchronization

/// Hands a ``ForwardingTable`` from the control thread to the datapath's threads: they never wait, and a table that
/// was replaced ends once no thread reads it any more (hazard pointers, Michael 2004).
@safe
package final class TableCell: Sendable {
    /// The address of the table in force, which this object retains.
    private let current: Atomic<UInt>
    /// For each reader the address of the table that it uses at this moment, or 0.
    private nonisolated(unsafe) let inUse: UnsafeMutablePointer<Atomic<UInt>>
    private let readers: Int

    /// - Parameter readers: How many threads read; each uses its own number below this.
    package init(_ table: ForwardingTable, readers: Int) {
        // Sound: the slots live as long as this object; the retained table is released by `replace` or `deinit`.
        current = Atomic(Self.retain(table))
        unsafe inUse = .allocate(capacity: readers)
        for index in 0..<readers { unsafe (inUse + index).initialize(to: Atomic(0)) }
        self.readers = readers
    }

    deinit {
        unsafe Self.table(current.load(ordering: .acquiring))?.release()
        unsafe inUse.deinitialize(count: readers)
        unsafe inUse.deallocate()
    }

    /// Runs `body` with the table of the moment, which stays alive meanwhile. `body` must not wait for anything.
    @inline(__always)
    func read(as reader: Int, _ body: (ForwardingTable) -> Void) {
        precondition(reader >= 0 && reader < readers)
        var candidate = current.load(ordering: .acquiring)
        while true {
            // Announce, then look again: had the table been replaced in between, its owner might have missed us.
            unsafe inUse[reader].store(candidate, ordering: .sequentiallyConsistent)
            let again = current.load(ordering: .sequentiallyConsistent)
            if again == candidate { break }
            candidate = again
        }
        unsafe Self.table(candidate)?._withUnsafeGuaranteedRef { body($0) }
        unsafe inUse[reader].store(0, ordering: .releasing)
    }

    /// Puts `table` in force for all packets from now on; comes back when nobody reads the former one.
    package func replace(_ table: ForwardingTable) {
        let old = current.exchange(Self.retain(table), ordering: .sequentiallyConsistent)
        for reader in 0..<readers {
            // A batch of packets takes microseconds; a thread that waits for packets holds no table.
            while unsafe inUse[reader].load(ordering: .sequentiallyConsistent) == old { pauseBriefly() }
        }
        unsafe Self.table(old)?.release()
    }

    private static func retain(_ table: ForwardingTable) -> UInt {
        unsafe UInt(bitPattern: Unmanaged.passRetained(table).toOpaque())
    }

    private static func table(_ address: UInt) -> Unmanaged<ForwardingTable>? {
        unsafe UnsafeRawPointer(bitPattern: address).map { unsafe Unmanaged.fromOpaque($0) }
    }
}
