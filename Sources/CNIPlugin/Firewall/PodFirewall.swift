internal import Addressing
internal import CNI
internal import Glibc
internal import Host
internal import Netlink

/// What netfilter has to know of pods: masquerading, and accepts where the host's own firewall would drop.
struct PodFirewall {
    let configuration: PluginConfiguration
    let context: NodeContext
    let host: RouteSocket

    /// Makes the pod's traffic pass. The rules that all pods share are made by the first one, and again where somebody
    /// flushed them.
    func admit(_ addresses: [IPAddress]) throws(CNIError) {
        let bridge = configuration.bridge
        let nftables = try reporting("cannot talk to nf_tables") { () throws(SystemError) in try Nftables() }
        let accepts = ForwardAccepts(nftables: nftables)
        let isOpen = try reporting("cannot read the host's firewall") { () throws(SystemError) in
            try accepts.isEnsured(bridge: bridge)
        }
        if !isOpen {
            let lock = try NodeLock(context.paths)
            defer { withExtendedLifetime(lock) {} }
            try reporting("cannot open the host's firewall for pods") { () throws(SystemError) in
                try accepts.ensure(bridge: bridge)
            }
        }
        if configuration.masquerade { try masquerade(addresses, Masquerade(nftables: nftables)) }
    }

    private func masquerade(_ addresses: [IPAddress], _ masquerade: Masquerade) throws(CNIError) {
        let bridge = configuration.bridge
        do throws(SystemError) {
            try masquerade.admit(addresses, bridge: bridge)
            return
        } catch {
            if !error.isAbsence { throw CNIError(.ioFailure, "cannot masquerade the pod", details: "\(error)") }
        }
        let lock = try NodeLock(context.paths)
        defer { withExtendedLifetime(lock) {} }
        try reporting("cannot make the masquerade rules") { () throws(SystemError) in
            try masquerade.install(bridge: bridge, overlay: context.overlayPrefixes + tunnelRoutes())
            try masquerade.admit(addresses, bridge: bridge)
            // Where somebody flushed the rules, the other pods lost theirs, too.
            for record in try RecordStore(context.paths).all() where record.isMasqueraded && record.complete {
                try masquerade.admit(record.addresses, bridge: record.bridge)
            }
        }
    }

    /// What `warrensd` routes through the tunnel beside the overlay's own prefixes: the networks behind subnet routers.
    private func tunnelRoutes() throws(SystemError) -> [IPPrefix] {
        try host.routes(table: Self.tunnelTable).filter { $0.kind == .unicast && $0.destination.length > 0 }
            .map(\.destination)
    }

    /// The routing table that `warrensd` fills.
    private static let tunnelTable: UInt32 = 31337

    /// Forgets pods, as far as anything knows of them.
    static func removePods(_ addresses: [IPAddress]) throws(CNIError) {
        try reporting("cannot stop masquerading") { () throws(SystemError) in
            try Masquerade(nftables: try Nftables()).remove(addresses)
        }
    }

    /// Removes the rules that all pods share. Call it with the node lock held.
    static func tearDown() throws(CNIError) {
        try reporting("cannot remove the firewall rules") { () throws(SystemError) in
            let nftables = try Nftables()
            try Masquerade(nftables: nftables).uninstall()
            try ForwardAccepts(nftables: nftables).remove()
        }
    }

    /// What is missing, in words.
    func findings(_ addresses: [IPAddress]) throws(CNIError) -> [String] {
        try reporting("cannot inspect the firewall") { () throws(SystemError) in
            let nftables = try Nftables()
            var findings = Findings()
            findings.expect(
                try ForwardAccepts(nftables: nftables).isEnsured(bridge: configuration.bridge),
                "the host's firewall drops forwarded traffic, and the accepts for \(configuration.bridge) are missing")
            if configuration.masquerade, !addresses.isEmpty {
                findings.add(try Masquerade(nftables: nftables).findings(addresses))
            }
            return findings.texts
        }
    }
}

extension SystemError {
    /// What was looked for is not there.
    var isAbsence: Bool { code == ENOENT }
}
