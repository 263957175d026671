import Addressing
import CNI
import Host

extension LeaseStore {
    /// Makes addresses and pools anew from the leases, after a process was killed in the middle of a change, after a
    /// reboot, and where files were torn.
    ///
    /// Leases of an earlier boot go: their containers have ended with it.
    static func repair(_ paths: StorePaths) throws(SystemError) {
        let leases = try readableLeases(paths)
        try rebuildAddresses(leases, paths)
        for name in try Files.names(in: paths.pools) { try Files.remove("\(paths.pools)/\(name)") }
        let addresses = leases.flatMap(\.addresses)
        for (name, addresses) in Dictionary(grouping: addresses, by: \.pool) {
            let pool = try Pool(name, in: paths.pools)
            for address in addresses { try pool.take(address.address.address) }
        }
    }

    /// The leases of this boot. What was one, or was to become one, is removed.
    private static func readableLeases(_ paths: StorePaths) throws(SystemError) -> [Lease] {
        let bootID = try Boot.id
        var leases: [Lease] = []
        for network in try networks(paths) {
            let directory = paths.network(network)
            for name in try fileNames(in: directory) {
                if Attachment.isFileName(name), let content = try Files.readIfPresent("\(directory)/\(name)"),
                    let lease = Lease(content: content), lease.network == network, lease.attachment.fileName == name,
                    lease.bootID == bootID
                {
                    leases.append(lease)
                } else if Attachment.isFileName(name) || Lease.isTemporaryName(name) {
                    try Files.remove("\(directory)/\(name)")
                }
            }
        }
        return leases
    }

    /// Names each lease's file by its addresses, and removes the names that no lease accounts for.
    private static func rebuildAddresses(_ leases: [Lease], _ paths: StorePaths) throws(SystemError) {
        var wanted: Set<String> = []
        for lease in leases {
            let file = paths.lease(lease)
            let identity = Files.identity(of: file)
            for address in lease.addresses.map(\.address.address) {
                let path = paths.address(address)
                wanted.insert(address.description)
                guard Files.identity(of: path) != identity else { continue }
                try Files.remove(path)
                _ = try Files.link(file, as: path)
            }
        }
        for name in try Files.names(in: paths.addresses) where !wanted.contains(name) {
            try Files.remove("\(paths.addresses)/\(name)")
        }
    }
}
