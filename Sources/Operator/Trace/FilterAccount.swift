import Host
import Netlink
import Overlay

/// Whose packet filters the packet meets on this host. Their rules are not followed: they may translate addresses, so
/// that another destination is routed, or refuse the packet.
struct FilterAccount {
    let text: String

    init() {
        let chains: [NftablesChain]
        do throws(SystemError) {
            chains = try Nftables().chains()
        } catch {
            text = "not looked at: nftables cannot be asked (\(error))"
            return
        }
        let names = [NftablesBase.Hook.prerouting, .forward, .postrouting].compactMap { hook -> String? in
            let found = chains.filter { $0.base?.hook == hook && $0.table.name != KernelNames.firewallTable }
            return found.isEmpty ? nil : "\(hook) \(found.map(\.description).joined(separator: ", "))"
        }
        text =
            names.isEmpty
            ? "no nftables chain of others is in the way"
            : "not looked at: what these chains translate or refuse: " + names.joined(separator: "; ")
    }
}
