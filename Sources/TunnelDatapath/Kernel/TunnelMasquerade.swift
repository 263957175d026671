import Addressing
internal import Host
internal import Netlink
internal import Overlay

/// Gives what this node itself sends into the tunnel a source that its peers accept.
///
/// Overlay routes name the tunnel address as preferred source, but a connection whose destination is translated on the
/// way out (host → ClusterIP → remote pod) has chosen the underlay's address by then; the peer's source check would
/// drop it. Pods keep their addresses.
struct TunnelMasquerade: Equatable {
    private static let table = NftablesTable(.inet, KernelNames.firewallTable)
    private static let chain = NftablesChain(
        table, "daemon_postrouting",
        base: NftablesBase(.nat, hook: .postrouting, priority: NftablesBase.sourceNATPriority))

    var ownSubnets: [IPPrefix]
    /// At most one for each family: what sources become.
    var tunnelAddresses: [IPAddress]

    private var rules: [(statements: [NftablesStatement], comment: String)] {
        let device = KernelNames.tunnelDevice
        return [
            ([.outputInterface(.notEquals(device)), .return], "not into the tunnel"),
            // What this host sends has come in by no device.
            ([.inputInterface(.notEquals("")), .return], "forwarded"),
        ]
            + ownSubnets.map { ([.source(.within($0)), .return], "from this node's \($0)") }
            + tunnelAddresses.map { ([.family($0.family), .sourceNAT($0)], "from this host as \($0)") }
    }

    /// Makes the chain so, in one transaction; where its rules bear the comments that they should, it is left alone.
    ///
    /// - Returns: True where something was changed.
    func reconcile(_ nftables: Nftables) throws(SystemError) -> Bool {
        let rules = rules
        if try presentComments(nftables) == rules.map(\.comment) { return false }
        try nftables.commit(
            [.addTable(Self.table), .addChain(Self.chain), .flushChain(Self.chain)]
                + rules.map { .appendRule(Self.chain, $0.statements, comment: $0.comment) })
        return true
    }

    private func presentComments(_ nftables: Nftables) throws(SystemError) -> [String] {
        guard try nftables.chains(in: Self.table).contains(where: { $0.name == Self.chain.name }) else { return [] }
        return try nftables.rules(in: Self.chain).map(\.comment)
    }
}
