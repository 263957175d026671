import Addressing
import CNI
import Host

extension LeaseStore {
    /// How many seconds lie between two searches for dead containers while addresses are asked for that are not there.
    static let searchPause: UInt32 = 2

    /// True where less than a sixteenth of a set is free, so that dead leases are worth a search.
    func isRunningLow(_ sets: [RangeSet]) -> Bool {
        sets.contains { set in
            let free = set.ranges.reduce(0) { $0 + Pool.freeCount($1.pool, in: paths.pools) }
            return free < set.ranges.reduce(0) { $0 + $1.pool.slotCount } / 16
        }
    }

    /// Takes back the leases of containers that are gone without a DEL, as detached containers and crashed runtimes
    /// leave them.
    ///
    /// - Parameters:
    ///   - seconds: Does nothing where it was done less than so many seconds ago: a search looks at every lease and
    ///     every process while others wait for the lock.
    ///   - newcomer: What is about to be leased: its container lives.
    func reclaim(atMostEvery seconds: UInt32, for newcomer: Lease? = nil) throws(SystemError) {
        let now = Boot.seconds
        let last = try state.lastReclaim
        guard last == 0 || now &- last >= seconds else { return }
        try state.setLastReclaim(max(now, 1))
        var leases: [Lease] = []
        for network in try Self.networks(paths) { leases += try self.leases(network: network) }
        var evidence = try LifeSigns.ofThisHost()
        for lease in leases { evidence.note(lease) }
        if let newcomer { evidence.note(newcomer) }
        for lease in leases where evidence.areAbsent(for: lease, age: Files.age(of: paths.lease(lease)) ?? 0) {
            StandardStreams.writeError(
                "warrens-ipam: taking back \(lease.addresses.map(\.address.address.description)) of container "
                    + "\(lease.attachment.containerID): its network namespace \(lease.namespacePath) is gone\n")
            try release(lease)
        }
    }

    /// Writes a lease anew that keeps its addresses.
    func replace(_ lease: Lease) throws(SystemError) {
        try beginChange()
        try commit(lease)
        try endChange()
    }
}
