import Addressing
import CNI
import Glibc
import Host

/// The leases of this node (``StorePaths`` shows the files), locked for as long as this value lives.
///
/// A lease is made by the rename that puts its file in place, and ended by that file's removal. What is done before
/// and after is undone or finished by the next process where this one is killed: the dirty marker, set first and
/// cleared last, makes it ``repair(_:)`` the rest from the leases.
///
/// Nothing but repair, collection and reclaiming walks over all leases.
struct LeaseStore: ~Copyable {
    let paths: StorePaths
    let state: StoreState
    private let lock: FileLock

    /// False where the last change was cut short and could not be repaired: the disk may be full.
    private let isRepaired: Bool

    /// Locks the store below `root` and makes it where it is missing.
    ///
    /// - Parameter forRelease: Go on where a change that was cut short cannot be repaired. Addresses can be given back
    ///   all the same, and repaired pools will show it.
    init(root: String, forRelease: Bool = false) throws(SystemError) {
        let paths = StorePaths(root: root)
        try Files.makeDirectories(paths.addresses)
        try Files.makeDirectories(paths.pools)
        let lock = try FileLock(waitingFor: paths.lock)
        let state = try Self.state(paths)
        isRepaired = try Self.repairIfNeeded(state, paths, mayFail: forRelease)
        self.paths = paths
        self.lock = lock
        self.state = state
    }

    private static func state(_ paths: StorePaths) throws(SystemError) -> StoreState {
        if let present = try StoreState(opening: paths.state) { return present }
        return try StoreState(creating: paths.state)
    }

    private static func repairIfNeeded(
        _ state: borrowing StoreState, _ paths: StorePaths, mayFail: Bool
    ) throws(SystemError) -> Bool {
        guard try state.isDirty else { return true }
        do throws(SystemError) {
            try repair(paths)
            try state.setDirty(false)
            return true
        } catch {
            if mayFail { return false }
            throw error
        }
    }

    /// Locks the store below `root` to give addresses back; nil where there is none.
    init?(existing root: String) throws(SystemError) {
        guard Files.exists(StorePaths(root: root).state) else { return nil }
        try self.init(root: root, forRelease: true)
    }

    // MARK: Look

    /// The lease of an attachment; nil where it has none.
    ///
    /// - Throws: Also where another attachment with the same hash has the file.
    func lease(of attachment: Attachment, network: String) throws(SystemError) -> Lease? {
        let path = "\(paths.network(network))/\(attachment.fileName)"
        guard let content = try Files.readIfPresent(path) else { return nil }
        guard let lease = Lease(content: content), lease.network == network else {
            // A torn file: what it held is known to the repair alone.
            try beginChange()
            try Self.repair(paths)
            try endChange()
            return nil
        }
        guard lease.attachment == attachment else {
            throw SystemError(
                "read lease", path, code: EEXIST, detail: "it is of container \(lease.attachment.containerID)")
        }
        return lease
    }

    /// Every lease of a network.
    func leases(network: String) throws(SystemError) -> [Lease] {
        var leases: [Lease] = []
        let directory = paths.network(network)
        for name in try Self.fileNames(in: directory).sorted() where Attachment.isFileName(name) {
            guard let content = try Files.readIfPresent("\(directory)/\(name)") else { continue }
            if let lease = Lease(content: content), lease.network == network { leases.append(lease) }
        }
        return leases
    }

    /// The names of the networks that have had leases.
    static func networks(_ paths: StorePaths) throws(SystemError) -> [String] {
        try Files.names(in: paths.root).filter { !$0.hasPrefix(".") }.sorted()
    }

    /// The names in a network's directory; none where it is none, for the root that a configuration names may hold
    /// other things as well. What cannot be read is an error: to go on without would free what is leased.
    static func fileNames(in directory: String) throws(SystemError) -> [String] {
        do throws(SystemError) {
            return try Files.names(in: directory)
        } catch {
            if error.code == ENOTDIR { return [] }
            throw error
        }
    }

    /// Whose an address is; nil where it is free.
    func holder(of address: IPAddress) throws(SystemError) -> Lease? {
        try Files.readIfPresent(paths.address(address)).flatMap { Lease(content: $0) }
    }

    /// True where the lease's addresses are marked as its own.
    func isIntact(_ lease: Lease) -> Bool {
        guard let identity = Files.identity(of: paths.lease(lease)) else { return false }
        return lease.addresses.allSatisfy { Files.identity(of: paths.address($0.address.address)) == identity }
    }

    // MARK: Change

    /// Sets the marker by which the next process repairs this change if this one is killed in the middle.
    func beginChange() throws(SystemError) {
        try state.setDirty(true)
        FaultPoint.pass(.markedDirty)
    }

    /// Clears the marker: the change is complete, or undone.
    func endChange() throws(SystemError) {
        if isRepaired { try state.setDirty(false) }
    }

    func pool(_ name: PoolName) throws(SystemError) -> Pool {
        try Pool(name, in: paths.pools)
    }

    /// Writes a lease whose addresses have been taken from their pools, or one that has changed.
    func commit(_ lease: Lease) throws(SystemError) {
        try Files.makeDirectories(paths.network(lease.network))
        let path = paths.lease(lease)
        let temporary = "\(path).tmp"
        try Files.remove(temporary)
        do throws(SystemError) {
            try Files.replace(temporary, with: lease.content)
            FaultPoint.pass(.leaseWritten)
            for address in lease.addresses {
                try name(temporary, paths.address(address.address.address))
                FaultPoint.pass(.firstAddressLinked)
            }
            FaultPoint.pass(.addressesLinked)
            try Files.move(temporary, to: path)
            FaultPoint.pass(.leaseCommitted)
        } catch {
            _ = try? Files.remove(temporary)
            throw error
        }
    }

    /// Gives the file at `path` a further name, in place of an older file that had it.
    private func name(_ path: String, _ name: String) throws(SystemError) {
        let temporary = "\(paths.addresses)/.tmp"
        try Files.remove(temporary)
        _ = try Files.link(path, as: temporary)
        try Files.move(temporary, to: name)
    }

    /// Ends a lease and gives its addresses back.
    func release(_ lease: Lease) throws(SystemError) {
        try beginChange()
        try Files.remove(paths.lease(lease))
        FaultPoint.pass(.leaseRemoved)
        do throws(SystemError) {
            try giveBack(lease.addresses)
        } catch {
            guard error.code == Pool.damage else { throw error }
            try Self.repair(paths)
        }
        try endChange()
    }

    /// Frees addresses that no lease has any more.
    func giveBack(_ addresses: [Lease.Address]) throws(SystemError) {
        for address in addresses {
            try Files.remove(paths.address(address.address.address))
            FaultPoint.pass(.firstAddressRemoved)
            try pool(address.pool).release(address.address.address)
        }
        FaultPoint.pass(.slotsReleased)
    }
}
