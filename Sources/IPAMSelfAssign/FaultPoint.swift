import Host

#if DEBUG
    import Glibc
#endif

/// Places where a test ends this process as kill -9 would, to see what the next one makes of it. Release builds have
/// none.
enum FaultPoint: String, CaseIterable {
    case markedDirty, slotsTaken, leaseWritten, firstAddressLinked, addressesLinked, leaseCommitted, leaseRemoved
    case firstAddressRemoved, slotsReleased

    static func pass(_ point: FaultPoint) {
        #if DEBUG
            if environmentVariable("WARRENS_FAULT_POINT") == point.rawValue { kill(getpid(), SIGKILL) }
        #endif
    }
}
