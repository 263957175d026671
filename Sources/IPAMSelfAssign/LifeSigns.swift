import Addressing
import Host

/// What shows that a container still exists. A lease is taken back only where all of it is absent: a lease that is
/// kept too long costs an address, one that is taken back too early costs a container its connections.
struct LifeSigns {
    /// Network namespaces that have a process.
    let inhabited: Set<FileIdentity>

    static func ofThisHost() -> LifeSigns {
        let processes = ((try? Files.names(in: "/proc")) ?? []).filter {
            $0.utf8.allSatisfy { (0x30...0x39).contains($0) }
        }
        return LifeSigns(inhabited: Set(processes.compactMap { Files.identity(of: "/proc/\($0)/ns/net") }))
    }

    func areAbsent(for lease: Lease) -> Bool {
        guard let identity = lease.namespaceIdentity else { return false }
        return Self.isGone(lease.namespacePath, identity) && !inhabited.contains(identity)
    }

    /// True where a path no longer leads to the namespace that it led to.
    ///
    /// A path whose directory is missing as well may just not be visible in this mount namespace. For a process it is
    /// otherwise: its directory goes with it.
    private static func isGone(_ path: String, _ identity: FileIdentity) -> Bool {
        if let present = Files.identity(of: path) { return present != identity }
        return path.hasPrefix("/proc/") || Files.exists(Files.parent(of: path))
    }
}
