import Addressing
import Glibc
import Host
import Netlink
import Overlay
import SyscallShim

/// Kernel features, tried out in a network namespace that nobody else sees.
struct KernelCheck: Check {
    let subject = "kernel"

    func findings() throws -> [Finding] {
        guard geteuid() == 0 else {
            return [.problem(subject, "only root can look at the kernel's features", remedy: "run warrensctl as root")]
        }
        let origin = try NetworkNamespace.current()
        do throws(SystemError) {
            try retrying("make network namespace", "") { warrens_new_network_namespace() }
        } catch {
            guard error.code == EPERM else { throw error }
            return [
                .notice(
                    subject, "its features cannot be tried out in a container",
                    remedy: "run warrensctl on the node itself")
            ]
        }
        var findings: [Finding] = []
        do {
            findings = try inScratchNamespace()
        } catch {
            try origin.enter()
            throw error
        }
        try origin.enter()
        findings.append(tunnelDevices())
        return findings
    }

    private func inScratchNamespace() throws(SystemError) -> [Finding] {
        let socket = try RouteSocket()
        let nftables = try Nftables()
        let table = NftablesTable(.inet, "warrens")
        let base = NftablesBase(.nat, hook: .postrouting, priority: NftablesBase.sourceNATPriority)
        return [
            attempt("bridges", "bridge") { () throws(SystemError) in
                try socket.perform(.createBridge(Bridge(name: "trial")))
            },
            attempt("virtual Ethernet pairs", "veth") { () throws(SystemError) in
                try socket.perform(.createVeth(VethEnd(name: "trial0"), peer: VethEnd(name: "trial1")))
            },
            attempt("nf_tables with address translation", "nft_chain_nat nft_masq") { () throws(SystemError) in
                try nftables.commit([.addTable(table), .addChain(NftablesChain(table, "trial", base: base))])
            },
            attempt("policy routing", "fib_rules") { () throws(SystemError) in
                try socket.perform(
                    .addRule(
                        RoutingRule(
                            family: .v4, priority: KernelNames.rulePriority, table: KernelNames.overlayTable, mark: 1,
                            isInverted: true)))
            },
        ]
    }

    private func attempt(
        _ feature: String, _ modules: String, _ body: () throws(SystemError) -> Void
    ) -> Finding {
        do throws(SystemError) {
            try body()
            return .good(subject, "has \(feature)")
        } catch {
            return .problem(subject, "has no \(feature) (\(error))", remedy: "load the modules: modprobe -a \(modules)")
        }
    }

    private func tunnelDevices() -> Finding {
        attempt("TUN devices", "tun") { () throws(SystemError) in
            _ = try OwnedDescriptor.open("/dev/net/tun", O_RDWR)
        }
    }
}
