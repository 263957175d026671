internal import Addressing
internal import Host
internal import Netlink
internal import Overlay

/// The rules by which pod traffic to everything but pods leaves with the node's address: one set of rules for the node,
/// and one set element for each pod address, so that a pod more or less costs the same however many there are.
struct Masquerade {
    static let table = NftablesTable(.inet, KernelNames.firewallTable)
    static let chain = NftablesChain(
        table, "plugin_postrouting",
        base: NftablesBase(.nat, hook: .postrouting, priority: NftablesBase.sourceNATPriority))
    /// The addresses of the pods that ask for it.
    static let pods4 = NftablesSet(table, "plugin_pods4", key: .ipv4Address)
    static let pods6 = NftablesSet(table, "plugin_pods6", key: .ipv6Address)
    /// The interfaces behind which pods are, of this node and of others.
    static let podInterfaces = NftablesSet(table, "plugin_interfaces", key: .interfaceName)
    /// Where pods are: the overlay's prefixes, and what lies behind subnet routers.
    static let overlay4 = NftablesSet(table, KernelNames.overlaySet(.v4), key: .ipv4Address, holdsPrefixes: true)
    static let overlay6 = NftablesSet(table, KernelNames.overlaySet(.v6), key: .ipv6Address, holdsPrefixes: true)

    let nftables: Nftables

    /// True where the rules are there. Asked before each change, because a transaction that fails costs the kernel, and
    /// so its caller, some ten milliseconds.
    func isInstalled() throws(SystemError) -> Bool {
        try nftables.rules(in: Self.chain).count >= 2
    }

    /// Pods behind one bridge.
    struct Pods {
        let addresses: [IPAddress]
        let bridge: String
    }

    /// Adds pods to the rules; ENOENT where there are none.
    func admit(_ pods: Pods) throws(SystemError) {
        try nftables.commit(admission(pods))
    }

    /// Makes the rules. Call it with the node lock held, because it replaces what is there.
    ///
    /// - Parameter overlay: Where pods of other nodes are.
    func install(for pods: [Pods], overlay: [IPPrefix]) throws(SystemError) {
        let prefixes = { (family: IPFamily) in
            overlay.filter { $0.family == family }.map { NftablesElement.prefix($0) }
        }
        try nftables.commit(
            [
                .addTable(Self.table), .addSet(Self.pods4), .addSet(Self.pods6), .addSet(Self.podInterfaces),
                .addSet(Self.overlay4), .addSet(Self.overlay6),
                .replaceElements(Self.overlay4, prefixes(.v4)), .replaceElements(Self.overlay6, prefixes(.v6)),
                .addElements(Self.podInterfaces, [.interfaceName(KernelNames.tunnelDevice)]),
                .addChain(Self.chain), .flushChain(Self.chain),
                rule(Self.pods4, .v4, Self.overlay4), rule(Self.pods6, .v6, Self.overlay6),
            ] + pods.flatMap(admission))
    }

    private func admission(_ pods: Pods) -> [NftablesRequest] {
        [.addElements(Self.podInterfaces, [.interfaceName(pods.bridge)])]
            + elements(pods.addresses).map { .addElements($0, $1) }
    }

    private func rule(_ pods: NftablesSet, _ family: IPFamily, _ overlay: NftablesSet) -> NftablesRequest {
        .appendRule(
            Self.chain,
            [
                .source(.inSet(pods.name, family)), .outputInterface(.notInSet(Self.podInterfaces.name)),
                .destination(.notInSet(overlay.name, family)), .destination(.notWithin(Self.multicast(family))),
                .masquerade,
            ], comment: "pods leave with the node's address")
    }

    /// 224.0.0.0/4 and ff00::/8.
    private static func multicast(_ family: IPFamily) -> IPPrefix {
        let first = IPAddress(family: family, bits: family == .v4 ? 0xe000_0000 : 0xff << 120)
        return IPPrefix(first, length: family == .v4 ? 4 : 8) ?? IPPrefix(host: first)
    }

    /// Removes pods, if the rules are there.
    func remove(_ addresses: [IPAddress]) throws(SystemError) {
        try ignoringAbsence { () throws(SystemError) in
            try nftables.commit(elements(addresses).map { .removeElements($0, $1) })
        }
    }

    /// Removes the rules and their sets. The table stays: `warrensd` may have rules in it.
    func uninstall() throws(SystemError) {
        if try nftables.chain(Self.chain.name, in: Self.table) == nil { return }
        try ignoringAbsence { () throws(SystemError) in
            try nftables.commit([
                .removeChain(Self.chain), .removeSet(Self.pods4), .removeSet(Self.pods6),
                .removeSet(Self.podInterfaces), .removeSet(Self.overlay4), .removeSet(Self.overlay6),
            ])
        }
    }

    /// What is missing for the masquerading of these addresses.
    func findings(_ addresses: [IPAddress]) throws(SystemError) -> [String] {
        var findings = Findings()
        findings.expect(try isInstalled(), "the masquerade rules are missing")
        for (set, elements) in elements(addresses) {
            for element in elements {
                guard case .prefix(let address) = element else { continue }
                findings.expect(
                    try nftables.contains(element, in: set),
                    "\(address.address) is not in the masquerade set \(set.name)")
            }
        }
        return findings.texts
    }

    private func elements(_ addresses: [IPAddress]) -> [(NftablesSet, [NftablesElement])] {
        [(Self.pods4, IPFamily.v4), (Self.pods6, .v6)].compactMap { set, family in
            let own = addresses.filter { $0.family == family }
            return own.isEmpty ? nil : (set, own.map { .address($0) })
        }
    }

    private func ignoringAbsence(_ body: () throws(SystemError) -> Void) throws(SystemError) {
        do throws(SystemError) {
            try body()
        } catch {
            if !error.isAbsence { throw error }
        }
    }
}
