import Addressing
import Host
import KernelPath
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
    /// - Returns: What was done, a line for each object.
    func remove() throws(SystemError) -> [String] {
        try removePrograms() + removeGUE() + LinkRemains(paths: paths, node: node, socket: socket).remove()
            + removeRoutes()
            + removeRules()
            + removeFirewallRules()
    }

    private func removePrograms() throws(SystemError) -> [String] {
        let programs = try KernelPath.remove(BPFFileSystem(paths.pins)).map { "removed program \($0)" }
        return try programs + (LiberalTracking(paths).restore() ? ["connection tracking is as it was"] : [])
    }

    private func removeGUE() throws(SystemError) -> [String] {
        // A kernel without it has none.
        guard let kernel = try? FooOverUDP() else { return [] }
        let ours = try kernel.ports().filter { $0.port == settings.port }
        for port in ours { try kernel.delete(port) }
        return ours.map { "removed \($0)" }
    }

    private func removeRoutes() throws(SystemError) -> [String] {
        let doomed = try socket.routes(table: KernelNames.overlayTable) + socket.routes().filter(isRefusalOfOurs)
        try socket.perform(doomed.map { .deleteRoute($0).toleratingAbsence() })
        return doomed.map { "removed route \($0)" }
    }

    private func isRefusalOfOurs(_ route: Route) -> Bool {
        guard route.kind == .unreachable else { return false }
        if route.origin == KernelNames.routeProtocol { return true }
        // Those of versions that did not say whose they are.
        let own = (node.map { $0.subnets + $0.draining } ?? []).map(\.prefix)
        return route.metric == KernelNames.refusalMetric
            && (own.contains(route.destination)
                || settings.overlayPrefixes.contains { $0.contains(route.destination) })
    }

    private func removeRules() throws(SystemError) -> [String] {
        let doomed = try socket.rules().filter {
            $0.table == KernelNames.overlayTable && $0.priority == KernelNames.rulePriority
        }
        try socket.perform(doomed.map { .deleteRule($0).toleratingAbsence() })
        return doomed.map { "removed \($0.family) rule \($0.priority)" }
    }

    private func removeFirewallRules() throws(SystemError) -> [String] {
        let nftables = try Nftables()
        var removed: [String] = []
        for chain in try nftables.chains() where chain.base?.hook == .forward {
            let ours = try nftables.rules(in: chain).filter { $0.comment.hasPrefix(KernelNames.ruleCommentMark) }
            try nftables.commit(ours.map { .deleteRule(chain, handle: $0.handle) })
            removed += ours.map { "removed rule \"\($0.comment)\" of chain \(chain)" }
        }
        let table = NftablesTable(.inet, KernelNames.firewallTable)
        if try nftables.tables().contains(table) {
            try nftables.commit([.removeTable(table)])
            removed.append("removed nftables table \(table)")
        }
        return removed
    }
}
