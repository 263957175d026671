import Addressing
internal import Glibc
internal import Host
internal import Netlink
internal import Overlay

/// Keeps the plugin's sets of where pods are, where it has made them: what goes there keeps the pod's own address.
struct OverlaySets {
    private static let table = NftablesTable(.inet, KernelNames.firewallTable)
    private static let sets = [
        (NftablesSet(table, KernelNames.overlaySet(.v4), key: .ipv4Address, holdsPrefixes: true), IPFamily.v4),
        (NftablesSet(table, KernelNames.overlaySet(.v6), key: .ipv6Address, holdsPrefixes: true), IPFamily.v6),
    ]

    /// What the sets were made to hold; nil while there are none.
    private var written: [IPPrefix]?

    /// - Parameter prefixes: What leads into the tunnel.
    /// - Returns: True where something was changed.
    mutating func reconcile(_ prefixes: [IPPrefix], _ nftables: Nftables) throws(SystemError) -> Bool {
        let wanted = prefixes.outermost()
        if written == wanted, try isWhole(wanted, nftables) { return false }
        written = nil
        do throws(SystemError) {
            try nftables.commit(Self.sets.map { .replaceElements($0.0, Self.elements(wanted, $0.1)) })
        } catch {
            // The first pod that is to be masqueraded makes them.
            if error.code == ENOENT { return false }
            throw error
        }
        written = wanted
        return true
    }

    private func isWhole(_ wanted: [IPPrefix], _ nftables: Nftables) throws(SystemError) -> Bool {
        for (set, family) in Self.sets {
            for element in Self.elements(wanted, family) where try !nftables.contains(element, in: set) { return false }
        }
        return true
    }

    private static func elements(_ prefixes: [IPPrefix], _ family: IPFamily) -> [NftablesElement] {
        prefixes.filter { $0.family == family }.map { .prefix($0) }
    }
}
