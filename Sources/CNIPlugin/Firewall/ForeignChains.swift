internal import Addressing
internal import Host
internal import Netlink
internal import Overlay

/// Chains of other software that drop what is forwarded, and that would not let us in: firewalld, for instance, rewrites
/// its own as it pleases.
enum ForeignChains {
    /// What an operator should know of each of them.
    static func warnings(_ nftables: Nftables, bridge: String) throws(SystemError) -> [String] {
        var warnings: [String] = []
        for chain in try nftables.chains() {
            guard let base = chain.base, base.kind == .filter, base.hook == .forward, !ForwardAccepts.serves(chain)
            else { continue }
            if base.accepts, try !nftables.rules(in: chain).contains(where: \.refusesAll) { continue }
            warnings.append(
                "the nftables chain \(chain) drops forwarded packets: make sure that it accepts those of pods, such as by "
                    + "nft insert rule \(chain) iifname { \"\(bridge)\", \"\(KernelNames.tunnelDevice)\" } accept; "
                    + "nft insert rule \(chain) oifname \"\(bridge)\" ct state established,related accept")
        }
        return warnings
    }
}
