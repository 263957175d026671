internal import Addressing
internal import Host
internal import Netlink
internal import Overlay

/// Accepts in a host firewall that would drop what pods forward.
///
/// An accept in a table of our own cannot overrule it: in nftables, a drop in any chain of a hook is final. Docker and
/// others set the policy of iptables' FORWARD chain to DROP, and Linux distributions of today keep that chain in
/// nf_tables (iptables-nft), where it can be edited by netlink. So our accepts go to the head of that chain, marked, and
/// only where the chain itself would drop everything. What is dropped in particular is the operator's wish, and what it jumps to is left to judge: agents of network policies work there.
struct ForwardAccepts {
    let nftables: Nftables

    /// Makes sure that the accepts for a bridge stand before the first rule that drops everything.
    /// Call it with the node lock held.
    func ensure(bridge: String) throws(SystemError) {
        for family in [NftablesFamily.ip, .ip6] {
            guard let chain = try droppingChain(family) else { continue }
            let present = try nftables.rules(in: chain)
            let wanted = rules(bridge)
            let head = present.prefix { !$0.refusesAll }.map(\.comment)
            if wanted.allSatisfy({ head.contains($0.comment) }) { continue }
            let outdated = present.filter { rule in wanted.contains { $0.comment == rule.comment } }
            try nftables.commit(
                outdated.map { .deleteRule(chain, handle: $0.handle) }
                    + wanted.reversed().map { .insertRule(chain, $0.statements, comment: $0.comment) })
        }
    }

    /// True where the accepts of a bridge are in force, or are not needed.
    func isEnsured(bridge: String) throws(SystemError) -> Bool {
        for family in [NftablesFamily.ip, .ip6] {
            guard let chain = try droppingChain(family) else { continue }
            let head = try nftables.rules(in: chain).prefix { !$0.refusesAll }.map(\.comment)
            if !rules(bridge).allSatisfy({ head.contains($0.comment) }) { return false }
        }
        return true
    }

    /// True where the accepts of a bridge are there, wherever they stand by now, or are not needed.
    func arePresent(bridge: String) throws(SystemError) -> Bool {
        for family in [NftablesFamily.ip, .ip6] {
            guard let chain = try droppingChain(family) else { continue }
            let present = try nftables.rules(in: chain).map(\.comment)
            if !rules(bridge).allSatisfy({ present.contains($0.comment) }) { return false }
        }
        return true
    }

    /// Takes all our accepts back, whatever bridge they are for.
    func remove() throws(SystemError) {
        for family in [NftablesFamily.ip, .ip6] {
            let chain = Self.forward(family)
            let ours = try nftables.rules(in: chain).filter { $0.comment.hasPrefix(KernelNames.ruleCommentMark) }
            if ours.isEmpty { continue }
            try nftables.commit(ours.map { .deleteRule(chain, handle: $0.handle) })
        }
    }

    /// The FORWARD chain of iptables-nft where it drops everything, by policy or by a rule of its own.
    private func droppingChain(_ family: NftablesFamily) throws(SystemError) -> NftablesChain? {
        let forward = Self.forward(family)
        guard let chain = try nftables.chain(forward.name, in: forward.table), let base = chain.base else { return nil }
        if !base.accepts { return chain }
        return try nftables.rules(in: chain).contains(where: \.refusesAll) ? chain : nil
    }

    /// True for the chains that are opened for pods where they drop.
    static func serves(_ chain: NftablesChain) -> Bool {
        [NftablesFamily.ip, .ip6].contains { family in
            let forward = forward(family)
            return chain.table == forward.table && chain.name == forward.name
        }
    }

    private static func forward(_ family: NftablesFamily) -> NftablesChain {
        NftablesChain(NftablesTable(family, "filter"), "FORWARD")
    }

    private func rules(_ bridge: String) -> [(statements: [NftablesStatement], comment: String)] {
        [
            (
                [.inputInterface(.equals(bridge)), .counter, .accept],
                "\(KernelNames.ruleCommentMark)from pods on \(bridge)"
            ),
            (
                [
                    .inputInterface(.equals(KernelNames.tunnelDevice)), .outputInterface(.equals(bridge)), .counter,
                    .accept,
                ],
                "\(KernelNames.ruleCommentMark)from other nodes to pods on \(bridge)"
            ),
            (
                [
                    .outputInterface(.equals(bridge)), .xtablesConnectionState([.established, .related]), .counter,
                    .accept,
                ], "\(KernelNames.ruleCommentMark)answers to pods on \(bridge)"
            ),
        ]
    }
}

extension NftablesRule {
    /// It drops or rejects every packet that comes to it: it has no test, only what counts or logs.
    var refusesAll: Bool {
        refuses && expressions.allSatisfy { ["counter", "immediate", "log", "reject", "target"].contains($0) }
    }
}
