import Addressing
import Host
import JSON
import Netlink
import Overlay

/// Everything that Warrens makes in the kernel of a node.
struct KernelRemains {
    private let paths: NodePaths
    private let settings: Settings
    private let node: LocalNode?
    private let socket: RouteSocket

    init(_ paths: NodePaths, settings: Settings, node: LocalNode?) throws(SystemError) {
        self.paths = paths
        self.settings = settings
        self.node = node
        socket = try RouteSocket()
    }

    /// Removes all of it.
    ///
    /// - Returns: What was removed, in words.
    func remove() throws(SystemError) -> [String] {
        try removeLinks() + removeRoutes() + removeRules() + removeFirewallRules()
    }

    private func removeLinks() throws(SystemError) -> [String] {
        let records = records()
        let recorded = Set(records.map(\.hostInterface))
        let links = try socket.links()
        let gateways = Set((node.map { $0.subnets + $0.draining } ?? []).map(\.bridgeAddress))
        let ownIndices = Set(
            try socket.addresses().filter { gateways.contains($0.prefix.address) }.map(\.interfaceIndex))
        let bridgeNames = Set(records.map(\.bridge))
        let bridges = links.filter {
            $0.isBridge && (bridgeNames.contains($0.name) || ownIndices.contains($0.index))
        }
        let bridgeIndices = Set(bridges.map(\.index))
        let pods = links.filter { link in
            link.isVeth && (recorded.contains(link.name) || link.master.map(bridgeIndices.contains) ?? false)
        }
        let tunnel = links.filter { $0.name == KernelNames.tunnelDevice && $0.kind == "tun" }
        let doomed = pods + bridges + tunnel
        try socket.perform(doomed.map { .deleteLink($0.index).toleratingAbsence() })
        return doomed.map { "device \($0.name)" }
    }

    private func removeRoutes() throws(SystemError) -> [String] {
        let own = Set((node.map { $0.subnets + $0.draining } ?? []).map(\.prefix))
        let refusals = try socket.routes().filter { route in
            route.kind == .unreachable && route.metric == KernelNames.refusalMetric
                && (own.contains(route.destination)
                    || settings.overlayPrefixes.contains { $0.contains(route.destination) })
        }
        let doomed = try socket.routes(table: KernelNames.overlayTable) + refusals
        try socket.perform(doomed.map { .deleteRoute($0).toleratingAbsence() })
        return doomed.map { "route \($0)" }
    }

    private func removeRules() throws(SystemError) -> [String] {
        let doomed = try socket.rules().filter {
            $0.table == KernelNames.overlayTable && $0.priority == KernelNames.rulePriority
        }
        try socket.perform(doomed.map { .deleteRule($0).toleratingAbsence() })
        return doomed.map { "\($0.family) rule \($0.priority)" }
    }

    private func removeFirewallRules() throws(SystemError) -> [String] {
        let nftables = try Nftables()
        var removed: [String] = []
        for chain in try nftables.chains() where chain.base?.hook == .forward {
            let ours = try nftables.rules(in: chain).filter { $0.comment.hasPrefix(KernelNames.ruleCommentMark) }
            try nftables.commit(ours.map { .deleteRule(chain, handle: $0.handle) })
            removed += ours.map { "rule \"\($0.comment)\" of chain \(chain)" }
        }
        let table = NftablesTable(.inet, KernelNames.firewallTable)
        if try nftables.tables().contains(table) {
            try nftables.commit([.removeTable(table)])
            removed.append("nftables table \(table)")
        }
        return removed
    }

    /// The devices that the attachment records name.
    private func records() -> [(bridge: String, hostInterface: String)] {
        let names = (try? Files.names(in: paths.attachments)) ?? []
        return names.filter { $0.hasSuffix(".json") }.compactMap { name in
            guard let content = try? Files.read("\(paths.attachments)/\(name)"),
                let record = (try? JSONValue(parsing: content))?.objectValue
            else { return nil }
            return (record["bridge"]?.stringValue ?? "", record["hostInterface"]?.stringValue ?? "")
        }
    }
}
