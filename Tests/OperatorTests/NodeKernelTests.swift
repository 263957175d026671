import Addressing
import Glibc
import Host
import JSON
import KernelEye
import Netlink
import Overlay
import Testing

/// `doctor` and `uninstall` on a node whose kernel objects the test makes.
@Suite(.enabled(if: getuid() == 0, "needs root to make network namespaces"))
struct NodeKernelTests {
    private static let files = [
        "etc/machine-id": "0123456789abcdef0123456789abcdef",
        "run/warrens/attachments/0011223344556677.json": #"{"bridge": "cni0", "hostInterface": "veth0"}"#,
        "var/lib/warrens/keep": "",
    ]

    private static func prefix(_ text: String) throws -> IPPrefix {
        try #require(IPPrefix(text))
    }

    /// What `warrens` and `warrensd` make, and beside it what belongs to others.
    private static func furnish(_ socket: RouteSocket) throws {
        let mac = KernelNames.bridgeMAC("cni0", of: NodeID("302913e9dc81ee6d"))
        try socket.perform([.createBridge(Bridge(name: "cni0", mac: mac)), .createBridge(Bridge(name: "docker0"))])
        let bridge = try #require(try socket.link(named: "cni0")).index
        let foreign = try #require(try socket.link(named: "docker0")).index
        try socket.perform([
            .createVeth(VethEnd(name: "veth0"), master: bridge, peer: VethEnd(name: "pod0")),
            .createVeth(VethEnd(name: "veth1"), master: foreign, peer: VethEnd(name: "pod1")),
            .addAddress(InterfaceAddress(try prefix("10.220.106.2/32")), to: bridge),
            .addRoute(Route(to: try prefix("10.192.0.0/10"), kind: .unreachable, metric: 4096)),
            .addRoute(Route(to: try prefix("198.51.100.0/24"), kind: .unreachable, metric: 4096)),
            // Refusals of earlier settings.
            .addRoute(
                Route(to: try prefix("10.64.0.0/10"), kind: .unreachable, metric: 4096, origin: 87)),
            .addRoute(
                Route(to: try prefix("fd00:5::/48"), kind: .unreachable, metric: 4096, origin: 87)),
            .addRoute(Route(to: try prefix("10.220.106.0/24"), kind: .throw, table: 31337, metric: 100)),
            .addRule(RoutingRule(family: .v4, priority: 3133, table: 31337, mark: 0x5741_5252, isInverted: true)),
            .addRule(RoutingRule(family: .v6, priority: 3133, table: 31337, mark: 0x5741_5252, isInverted: true)),
            .addRule(RoutingRule(family: .v4, priority: 3134, table: 77, mark: 1)),
        ])
        let forward = NftablesChain(
            NftablesTable(.ip, "filter"), "FORWARD",
            base: NftablesBase(.filter, hook: .forward, priority: 0, accepts: false))
        let own = NftablesTable(.inet, "warrens")
        try Nftables().commit([
            .addTable(own), .addChain(NftablesChain(own, "plugin_postrouting")),
            .addTable(forward.table), .addChain(forward),
            .appendRule(
                forward, [.inputInterface(.equals("cni0")), .counter, .accept], comment: "warrens: from pods on cni0"),
            .appendRule(forward, [.inputInterface(.equals("docker0")), .counter, .accept], comment: "docker"),
        ])
    }

    @Test func uninstallRemovesWhatIsOursAndNothingElse() throws {
        try TestNamespace.run {
            let socket = try RouteSocket()
            try Self.furnish(socket)
            let run = try OperatorRun("uninstall", "--yes", files: Self.files)
            #expect(run.code == 0, "\(run.errors)")
            #expect(Set(try socket.links().map(\.name)) == ["lo", "docker0", "veth1", "pod1"])
            #expect(try socket.routes(table: 31337).isEmpty)
            #expect(
                try socket.routes().filter { $0.kind == .unreachable }.map(\.destination.description) == [
                    "198.51.100.0/24"
                ])
            #expect(try socket.rules().filter { $0.priority == 3133 }.isEmpty)
            #expect(try socket.rules().contains { $0.priority == 3134 })
            let nftables = try Nftables()
            #expect(try nftables.tables() == [NftablesTable(.ip, "filter")])
            let chain = try #require(try nftables.chain("FORWARD", in: NftablesTable(.ip, "filter")))
            #expect(try nftables.rules(in: chain).map(\.comment) == ["docker"])
            #expect(run.output.contains("/run/warrens") && !run.output.contains("/var/lib/warrens"))
            // Once more, with nothing left to do.
            #expect(
                try OperatorRun(
                    "uninstall", "--yes", "--purge", files: ["etc/machine-id": "0123456789abcdef0123456789abcdef"]
                ).code == 0)
        }
    }

    @Test func uninstallLeavesABridgeOfOthersWithItsPorts() throws {
        try TestNamespace.run {
            let socket = try RouteSocket()
            try socket.perform(.createBridge(Bridge(name: "br9")))
            let bridge = try #require(try socket.link(named: "br9")).index
            try socket.perform([
                .createVeth(VethEnd(name: "vmnic"), master: bridge, peer: VethEnd(name: "eth0")),
                .createVeth(VethEnd(name: "veth0"), master: bridge, peer: VethEnd(name: "pod0")),
                // No record knows this one, but its name is of our making.
                .createVeth(VethEnd(name: "veth0123456789a"), master: bridge, peer: VethEnd(name: "pod1")),
            ])
            try socket.perform(
                ["192.0.2.1/24", "10.220.106.2/32", "10.80.0.2/32"].map {
                    .addAddress(InterfaceAddress(try Self.prefix($0)), to: bridge)
                } + [
                    .changeLink(bridge, LinkChange(isUp: true)),
                    .addRoute(Route(to: try Self.prefix("10.220.106.9/32"), interfaceIndex: bridge)),
                    .addRoute(Route(to: try Self.prefix("192.0.2.9/32"), interfaceIndex: bridge)),
                ])
            var files = Self.files
            files["run/warrens/attachments/0011223344556677.json"] = #"{"bridge": "br9", "hostInterface": "veth0"}"#
            files["run/warrens/gateways.br9"] = "10.80.0.2\n"
            let run = try OperatorRun("uninstall", "--yes", files: files)
            #expect(run.code == 0 && run.output.contains("left bridge br9"), "\(run.errors)\(run.output)")
            #expect(Set(try socket.links().map(\.name)) == ["lo", "br9", "vmnic", "eth0"])
            let left = try socket.addresses(on: bridge).filter { $0.scope == .global }
            #expect(left.map(\.prefix.description) == ["192.0.2.1/24"])
            let routes = try socket.routes(family: .v4).filter { $0.destination.isHost }
            #expect(routes.map(\.destination.description) == ["192.0.2.9/32"])
        }
    }

    @Test func uninstallLeavesABridgeOfOursThatHasOtherPorts() throws {
        try TestNamespace.run {
            let socket = try RouteSocket()
            try Self.furnish(socket)
            let bridge = try #require(try socket.link(named: "cni0")).index
            try socket.perform(.createVeth(VethEnd(name: "vmnic"), master: bridge, peer: VethEnd(name: "vm0")))
            let run = try OperatorRun("uninstall", "--yes", files: Self.files)
            #expect(run.code == 0 && run.output.contains("left bridge cni0"), "\(run.errors)")
            #expect(Set(try socket.links().map(\.name)) == ["lo", "cni0", "vmnic", "vm0", "docker0", "veth1", "pod1"])
            #expect(try socket.addresses(on: bridge).filter { $0.prefix.family == .v4 }.isEmpty)
        }
    }

    @Test func onlyRootMayUninstall() throws {
        let run = try OperatorRun("uninstall", "--yes", files: Self.files, isRoot: false)
        #expect(run.code == 1 && run.errors.contains("run warrensctl as root") && run.output.isEmpty)
    }

    @Test func uninstallAsksBefore() throws {
        try TestNamespace.run {
            let socket = try RouteSocket()
            try Self.furnish(socket)
            let run = try OperatorRun("uninstall", files: Self.files)
            #expect(run.code == 1 && run.errors.contains("--yes"))
            #expect(try socket.link(named: "cni0") != nil)
        }
    }

    private static func findings(_ files: [String: String]) throws -> [JSONObject] {
        let run = try OperatorRun("doctor", "--json", files: files)
        let findings = run.json?["findings"]?.arrayValue?.compactMap(\.objectValue) ?? []
        let hasProblem = findings.contains { $0["level"] == "problem" }
        #expect(run.code == (hasProblem ? 1 : 0) && run.json?["healthy"] == .bool(!hasProblem), "\(run.errors)")
        return findings
    }

    private static func problems(_ findings: [JSONObject], _ subject: String) -> [String] {
        findings.filter { $0["level"] == "problem" && $0["subject"] == .string(subject) }.map {
            ($0["message"]?.stringValue ?? "") + " → " + ($0["remedy"]?.stringValue ?? "")
        }
    }

    @Test func theDoctorNamesEveryProblemWithItsRemedy() throws {
        try TestNamespace.run {
            let socket = try RouteSocket()
            try Self.furnish(socket)
            let loopback = try #require(try socket.link(named: "lo")).index
            try socket.perform(.addAddress(InterfaceAddress(try Self.prefix("10.200.1.1/32")), to: loopback))
            let firewall = NftablesTable(.inet, "fw")
            try Nftables().commit([
                .addTable(firewall),
                .addChain(
                    NftablesChain(
                        firewall, "f", base: NftablesBase(.filter, hook: .forward, priority: 5, accepts: false))),
            ])
            try Sysctl.write("net.ipv4.ip_forward", value: "0")
            let findings = try Self.findings(Self.files)
            #expect(Self.problems(findings, "kernel").isEmpty)
            #expect(Self.problems(findings, "installation").first?.contains("/opt/cni/bin") == true)
            let addresses = Self.problems(findings, "addresses")
            #expect(
                addresses.count == 1 && addresses[0].contains("10.200.1.1 on lo") && addresses[0].contains("v4Prefix"))
            #expect(Self.problems(findings, "forwarding").contains { $0.contains("sysctl -w net.ipv4.ip_forward=1") })
            let chains = Self.problems(findings, "firewall")
            #expect(chains.count == 1 && chains[0].contains("nft insert rule inet fw f"))
            #expect(
                Self.problems(findings, "routes").map { $0.contains("proto 87") } == [true, true], "\(findings)")
            #expect(Self.problems(findings, "daemon").first?.contains("does not run, and pods are attached") == true)
        }
    }

    @Test func theDoctorFindsAFreshNodeHealthy() throws {
        try TestNamespace.run {
            let programs = ["warrens", "warrens-ipam", "warrensd", "loopback"]
            var files = ["etc/machine-id": "0123456789abcdef0123456789abcdef"]
            files["etc/cni/net.d/10-warrens.conflist"] = #"{"plugins": [{"type": "warrens"}]}"#
            for program in programs { files["opt/cni/bin/\(program)"] = "" }
            let findings = try Self.findings(files)
            #expect(!findings.isEmpty)
            #expect(findings.filter { $0["level"] == "problem" }.isEmpty, "\(findings)")
        }
    }

    @Test func theDoctorNamesTheListThatComesFirst() throws {
        try TestNamespace.run {
            let findings = try Self.findings([
                "etc/machine-id": "0123456789abcdef0123456789abcdef",
                "etc/cni/net.d/05-other.conflist": #"{"plugins": [{"type": "bridge"}]}"#,
                "etc/cni/net.d/10-warrens.conflist": #"{"plugins": [{"type": "warrens"}]}"#,
            ])
            #expect(Self.problems(findings, "installation").contains { $0.contains("05-other.conflist comes before") })
        }
    }

    @Test func theDoctorSaysWhyTheDaemonDidNotStart() throws {
        try TestNamespace.run {
            let files = [
                "etc/machine-id": "0123456789abcdef0123456789abcdef", "run/warrens/warrensd.error": "no TUN device\n",
            ]
            let findings = try Self.findings(files)
            #expect(Self.problems(findings, "daemon").first?.contains("no TUN device") == true)
        }
    }

    @Test func theDoctorFindsForeignAddressesOnTheBridge() throws {
        try TestNamespace.run {
            let socket = try RouteSocket()
            try Self.furnish(socket)
            let bridge = try #require(try socket.link(named: "cni0")).index
            try socket.perform(.addAddress(InterfaceAddress(try Self.prefix("192.0.2.1/24")), to: bridge))
            let problems = Self.problems(try Self.findings(Self.files), "bridge")
            #expect(problems.count == 1 && problems[0].contains("ip address delete 192.0.2.1/24 dev cni0"))
            var files = Self.files
            files["etc/cni/net.d/10-warrens.conflist"] = #"{"plugins": [{"type": "warrens", "forceAddress": true}]}"#
            #expect(Self.problems(try Self.findings(files), "bridge").isEmpty)
        }
    }

    @Test(arguments: ["{", "[]"]) func theDoctorNamesANetworkListThatCannotBeUsed(content: String) throws {
        try TestNamespace.run {
            let findings = try Self.findings([
                "etc/machine-id": "0123456789abcdef0123456789abcdef", "etc/cni/net.d/10-warrens.conflist": content,
            ])
            #expect(Self.problems(findings, "installation").contains { $0.contains("10-warrens.conflist is not") })
        }
    }

    @Test func theDoctorKnowsThatPodsMayNotStartTheDaemon() throws {
        try TestNamespace.run {
            let list = #"{"plugins": [{"type": "warrens", "tunnel": {"autostart": false}}]}"#
            let findings = try Self.findings([
                "etc/machine-id": "0123456789abcdef0123456789abcdef", "etc/cni/net.d/10-warrens.conflist": list,
            ])
            let remedies = findings.filter { $0["subject"] == "daemon" }.compactMap { $0["remedy"]?.stringValue }
            #expect(remedies.contains { $0.hasPrefix("`systemctl enable --now warrensd`") }, "\(findings)")
        }
    }
}
