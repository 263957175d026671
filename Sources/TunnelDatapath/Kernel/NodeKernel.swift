import Addressing
internal import Glibc
internal import Host
internal import Netlink
internal import Overlay

/// The daemon's hold on the kernel's network configuration: what it asks, what it changes, and what tells it that
/// others have changed something.
final class NodeKernel {
    /// The host's own network, as of the last ``refresh(ownSubnets:)``.
    private(set) var underlay: Underlay
    private var bridgeMTU: BridgeMTU
    private var overlaySets = OverlaySets()
    let routes: RouteSocket
    private let nftables: Nftables?
    private let listener: ChangeListener

    /// Readable when links, addresses, routes, rules or packet filters have changed, each of them.
    var changeDescriptors: [Int32] { listener.descriptors }

    /// - Parameter formerMTU: The largest inner packet of the last daemon, in bytes; nil where there was none.
    init(ownSubnets: [NodeSubnet], formerMTU: Int?) throws(SystemError) {
        listener = try Self.listen()
        routes = try RouteSocket()
        nftables = try? Nftables()
        underlay = try Underlay(routes, ownSubnets: ownSubnets)
        bridgeMTU = BridgeMTU(former: [PlanMaker.cautiousMTU(underlay.uplinkMTU)] + (formerMTU.map { [$0] } ?? []))
    }

    private static func listen() throws(SystemError) -> ChangeListener {
        do throws(SystemError) {
            return try ChangeListener([.links, .routes, .packetFilters])
        } catch  where error.code == EPROTONOSUPPORT {
            // A kernel without nf_tables has nothing to tell of it.
            return try ChangeListener([.links, .routes])
        }
    }

    /// Takes the waiting news off the descriptors; ``refresh(ownSubnets:)`` finds out what they were.
    func drainChanges() { listener.drain() }

    /// Looks at the host's network again.
    ///
    /// - Returns: True where it differs in what decides about ways to other nodes. Pods that come and go do not.
    func refresh(ownSubnets: [NodeSubnet]) throws(SystemError) -> Bool {
        let fresh = try Underlay(routes, ownSubnets: ownSubnets)
        guard fresh.fingerprint != underlay.fingerprint else { return false }
        underlay = fresh
        return true
    }

    /// Makes devices, addresses, routes, rules, settings and packet filters what they must be.
    ///
    /// - Parameter sharing: Nil where the daemon has the tunnel's port for itself.
    /// - Returns: What was changed, in words for the log.
    func reconcile(
        _ network: OverlayNetwork, _ masquerade: TunnelMasquerade, _ sharing: PortSharing?
    ) throws(SystemError) -> [String] {
        var changes = try HostForwarding.enable(Set(network.tunnelAddresses.map(\.family)), routes)
        changes += try network.reconcile(routes)
        changes += try bridgeMTU.reconcile(network.mtu, gateways: network.gateways, routes)
        if let nftables, try overlaySets.reconcile(network.destinations, nftables) { changes.append("where pods are") }
        if let nftables, try masquerade.reconcile(nftables) { changes.append("masquerade of what this host sends") }
        if let nftables, try reconcile(sharing, nftables) { changes.append("how the daemon shares the tunnel's port") }
        return changes
    }

    /// Has datagrams reach the tunnel's port, and leave from it, as they are.
    func endSharing() throws(SystemError) {
        if let nftables { _ = try PortSharing.remove(nftables) }
    }

    private func reconcile(_ sharing: PortSharing?, _ nftables: Nftables) throws(SystemError) -> Bool {
        if let sharing { return try sharing.reconcile(nftables) }
        return try PortSharing.remove(nftables)
    }

    /// - Throws: EOPNOTSUPP where the kernel cannot have the daemon share the tunnel's port.
    func checkSharing() throws(SystemError) {
        guard nftables == nil else { return }
        throw SystemError(
            "share", "the tunnel's port", code: EOPNOTSUPP, detail: "this kernel has no nf_tables")
    }

    /// Why the masquerade cannot be made, where it cannot.
    var limitation: String? {
        nftables == nil
            ? "this kernel has no nf_tables: connections from this host to Services with pods on other nodes may fail"
            : nil
    }
}
