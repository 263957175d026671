import Host
import Netlink
import Overlay

/// Would the host's firewall drop what pods send, or the datagrams of other nodes?
struct FirewallCheck: Check {
    let subject = "firewall"
    let facts: NodeFacts

    func findings() throws -> [Finding] {
        let nftables = try Nftables()
        var findings: [Finding] = []
        for chain in try nftables.chains() {
            guard let base = chain.base, base.kind == .filter, chain.table != NftablesTable(.inet, "warrens"),
                base.hook == .forward || base.hook == .input
            else { continue }
            let rules = try nftables.rules(in: chain)
            guard !base.accepts || rules.contains(where: \.refuses) else { continue }
            findings.append(judge(chain, base, rules))
        }
        findings += legacy()
        return findings.isEmpty ? [.good(subject, "no chain drops forwarded packets or our datagrams")] : findings
    }

    private func judge(_ chain: NftablesChain, _ base: NftablesBase, _ rules: [NftablesRule]) -> Finding {
        let manner = base.accepts ? "by a rule" : "by policy"
        let port = facts.settings.port
        if base.hook == .input {
            let finding = "chain \(chain) drops incoming packets \(manner); make sure that it accepts UDP port \(port)"
            let remedy = "nft insert rule \(chain) udp dport \(port) accept"
            return base.accepts || rules.contains { !$0.refuses }
                ? .notice(subject, finding, remedy: remedy) : .problem(subject, finding, remedy: remedy)
        }
        let head = rules.prefix { !$0.refuses }
        if head.contains(where: { $0.comment.hasPrefix(KernelNames.ruleCommentMark) }) {
            return .good(subject, "chain \(chain) drops forwarded packets \(manner), but accepts ours before")
        }
        let finding = "chain \(chain) drops forwarded packets \(manner)"
        let isIptables = chain.name == "FORWARD" && chain.table.name == "filter"
        if isIptables {
            return facts.attachments == 0
                ? .notice(subject, "\(finding); the first pod opens it for pods")
                : .problem(
                    subject, "\(finding), and the accepts for pods are gone",
                    remedy: "start a pod, which puts them back")
        }
        let remedy =
            "nft insert rule \(chain) iifname { \"cni0\", \"\(KernelNames.tunnelDevice)\" } accept, and the same"
            + " with oifname \"cni0\""
        // What stands in front of a drop may well accept our packets; a chain without such a rule cannot.
        return head.isEmpty && !base.accepts
            ? .problem(subject, finding, remedy: remedy)
            : .notice(subject, "\(finding); make sure that it accepts those of pods", remedy: remedy)
    }

    /// Tables of the older iptables lie outside of nf_tables, where we cannot look into them.
    private func legacy() -> [Finding] {
        let files = ["/proc/net/ip_tables_names", "/proc/net/ip6_tables_names"]
        let isInUse = files.contains { path in
            let names = (try? Files.readIfPresent(path)).flatMap { $0 } ?? []
            return String(decoding: names, as: UTF8.self).split(separator: "\n").contains("filter")
        }
        guard isInUse else { return [] }
        return [
            .notice(
                subject, "iptables-legacy has filter rules, which nobody opens for pods",
                remedy: "see `iptables-legacy -S FORWARD`; use iptables-nft, or accept -i cni0 and -o cni0 there")
        ]
    }
}
