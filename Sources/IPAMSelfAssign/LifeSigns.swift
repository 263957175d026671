import Addressing
import CNI
import Host
import Netlink

/// What shows that a container still exists. A lease is taken back only where all of it is absent: a lease that is
/// kept too long costs an address, one that is taken back too early costs a container its connections.
struct LifeSigns {
    /// Network namespaces that have a process.
    let inhabited: Set<FileIdentity>
    /// The containers whose leases lead to a namespace now.
    ///
    /// The kernel gives the inode number of a namespace that ended to the next one. So a process in a namespace of a
    /// lease's number shows nothing where another container has the number by now.
    var holders: [FileIdentity: Set<String>] = [:]
    /// The host's interfaces.
    let interfaces: Set<String>
    /// Addresses that the host has a route of their own to, which is gone with the pod's interface, or that have
    /// answered it lately.
    ///
    /// What is configured for good on the bridge outlives its pod and shows nothing: permanent neighbours, and the
    /// routes over it.
    let reachable: Set<IPAddress>

    static func ofThisHost() throws(SystemError) -> LifeSigns {
        let socket = try RouteSocket()
        let links = try socket.links()
        let bridges = Set(links.filter(\.isBridge).map(\.index))
        let routed = try socket.routes().filter { route in
            route.kind == .unicast && route.destination.isHost && !route.interfaceIndices.allSatisfy(bridges.contains)
        }
        let answering = try socket.neighbours().filter { $0.state & confirmed != 0 }
        return LifeSigns(
            inhabited: try inhabitedNamespaces(), interfaces: Set(links.map(\.name)),
            reachable: Set(routed.map(\.destination.address) + answering.map(\.address)))
    }

    /// rtnetlink(7)'s NUD_REACHABLE, NUD_DELAY and NUD_PROBE: the neighbour answered, seconds ago.
    private static let confirmed: UInt16 = 0x02 | 0x08 | 0x10

    private static func inhabitedNamespaces() throws(SystemError) -> Set<FileIdentity> {
        let processes = try Files.names(in: "/proc").filter { $0.utf8.allSatisfy { (0x30...0x39).contains($0) } }
        return Set(processes.compactMap { Files.identity(of: "/proc/\($0)/ns/net") })
    }

    /// How many seconds a lease is kept whose namespace was not to be seen when it was made: any ADD has ended by then.
    private static let unseenGrace = 600

    /// - Parameter age: How many seconds ago the lease was made.
    func areAbsent(for lease: Lease, age: Int) -> Bool {
        isAbandoned(lease, age: age) && !interfaces.contains(lease.attachment.hostInterfaceName)
            && lease.addresses.allSatisfy { !reachable.contains($0.address.address) }
    }

    /// True where nothing is in the lease's namespace, or no namespace was ever there.
    ///
    /// Where none was seen, only the plugin that always makes an interface known to us shows by its absence that the
    /// pod is gone.
    private func isAbandoned(_ lease: Lease, age: Int) -> Bool {
        guard let identity = lease.namespaceIdentity else {
            return lease.plugin == Setup.ownPlugin && age >= Self.unseenGrace
                && Self.isGone(lease.namespacePath, nil)
        }
        return Self.isGone(lease.namespacePath, identity)
            && !isInhabited(identity, by: lease.attachment.containerID)
    }

    /// Takes note that a lease's path leads to its namespace, if it does.
    mutating func note(_ lease: Lease) {
        guard let identity = lease.namespaceIdentity, Files.identity(of: lease.namespacePath) == identity else {
            return
        }
        holders[identity, default: []].insert(lease.attachment.containerID)
    }

    private func isInhabited(_ identity: FileIdentity, by containerID: String) -> Bool {
        inhabited.contains(identity) && holders[identity].map { $0.contains(containerID) } ?? true
    }

    /// True where a path no longer leads to the namespace that it led to.
    ///
    /// A path whose directory is missing as well may just not be visible in this mount namespace. For a process it is
    /// otherwise: its directory goes with it.
    private static func isGone(_ path: String, _ identity: FileIdentity?) -> Bool {
        if let present = Files.identity(of: path) { return present != identity }
        return path.hasPrefix("/proc/") || Files.exists(Files.parent(of: path))
    }
}
