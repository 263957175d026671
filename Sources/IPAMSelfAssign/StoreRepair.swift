import Addressing
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
        for lease in leases {
            for address in lease.addresses {
                try Pool(address.pool, in: paths.pools).take(address.address.address)
            }
        }
    }

    /// The leases of this boot. What else lies in their place is removed.
    private static func readableLeases(_ paths: StorePaths) throws(SystemError) -> [Lease] {
        let bootID = Boot.id
        var leases: [Lease] = []
        for network in try networks(paths) {
            let directory = paths.network(network)
            for name in try Files.names(in: directory) {
                if Lease.isFileName(name), let content = try Files.readIfPresent("\(directory)/\(name)"),
                    let lease = Lease(content: content), lease.network == network, lease.fileName == name,
                    lease.bootID == bootID
                {
                    leases.append(lease)
                } else if Lease.isFileName(name) || name.hasSuffix(".tmp") {
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
            for address in lease.addresses {
                let path = paths.address(address.address.address)
                wanted.insert(address.address.address.description)
                guard Files.identity(of: path) != Files.identity(of: paths.lease(lease)) else { continue }
                try Files.remove(path)
                _ = try Files.link(paths.lease(lease), as: path)
            }
        }
        for name in try Files.names(in: paths.addresses) where !wanted.contains(name) {
            try Files.remove("\(paths.addresses)/\(name)")
        }
    }
}
