internal import Addressing
internal import CNI
internal import Host
internal import Netlink
internal import Overlay

/// What netfilter has to know of pods: masquerading, and accepts where the host's own firewall would drop.
struct PodFirewall {
    let configuration: PluginConfiguration
    let context: NodeContext
    let host: RouteSocket
    let shared: SharedFirewall

    /// Makes the pod's traffic pass. The rules that all pods share are made by the first one, and again where somebody
    /// flushed them.
    func admit(_ addresses: [IPAddress]) throws(CNIError) {
        let bridge = configuration.bridge
        let isOpen = try reporting("cannot read the host's firewall") { () throws(SystemError) in
            try isHostOpen()
        }
        if !isOpen {
            let lock = try NodeLock(context.paths)
            defer { withExtendedLifetime(lock) {} }
            try reporting("cannot open the host's firewall for pods") { () throws(SystemError) in
                try shared.accepts().ensure(bridge: bridge)
            }
        }
        if configuration.masquerade { try masquerade(addresses) }
    }

    /// Also where the kernel has no nf_tables, and so nothing that drops by it.
    private func isHostOpen() throws(SystemError) -> Bool {
        do throws(SystemError) {
            return try shared.accepts().isEnsured(bridge: configuration.bridge)
        } catch {
            if error.isMissingSupport { return true }
            throw error
        }
    }

    private func masquerade(_ addresses: [IPAddress]) throws(CNIError) {
        let pods = Masquerade.Pods(addresses: addresses, bridge: configuration.bridge)
        do throws(SystemError) {
            let masquerade = try shared.masquerade()
            if try masquerade.isInstalled() { return try masquerade.admit(pods) }
        } catch {
            // The node's last attachment took the rules away between the two.
            if !error.isAbsence { throw CNIError(.ioFailure, "cannot masquerade the pod", details: "\(error)") }
        }
        let lock = try NodeLock(context.paths)
        defer { withExtendedLifetime(lock) {} }
        // Where somebody flushed the rules, the other pods lost theirs, too. A DEL says under this lock that its pod is
        // not to have any more.
        let others = try RecordStore(context.paths).all().filter { $0.isMasqueraded && $0.phase != .detaching }.map {
            Masquerade.Pods(addresses: $0.addresses, bridge: $0.bridge)
        }
        try reporting("cannot make the masquerade rules") { () throws(SystemError) in
            let masquerade = try shared.masquerade()
            if try masquerade.isInstalled() { return try masquerade.admit(pods) }
            try masquerade.install(for: others + [pods], overlay: context.overlayPrefixes + tunnelRoutes())
        }
    }

    /// What `warrensd` routes through the tunnel beside the overlay's own prefixes: the networks behind subnet routers.
    private func tunnelRoutes() throws(SystemError) -> [IPPrefix] {
        try host.routes(table: KernelNames.overlayTable).filter { $0.kind == .unicast && $0.destination.length > 0 }
            .map(\.destination)
    }

    /// What is missing, in words.
    func findings(_ addresses: [IPAddress]) throws(CNIError) -> [String] {
        try reporting("cannot inspect the firewall") { () throws(SystemError) in
            var findings = Findings()
            findings.expect(
                try shared.accepts().arePresent(bridge: configuration.bridge),
                "the host's firewall drops forwarded traffic, and the accepts for \(configuration.bridge) are missing")
            if configuration.masquerade, !addresses.isEmpty {
                findings.add(try shared.masquerade().findings(addresses))
            }
            return findings.texts
        }
    }
}
