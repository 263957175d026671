import Addressing
import Glibc
import Host
import JSON
import KernelEye
import Netlink
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
        for name in ["cni0", "docker0"] { try socket.perform(.createBridge(Bridge(name: name))) }
        let bridge = try #require(try socket.link(named: "cni0")).index
        let foreign = try #require(try socket.link(named: "docker0")).index
        try socket.perform([
            .createVeth(VethEnd(name: "veth0"), master: bridge, peer: VethEnd(name: "pod0")),
            .createVeth(VethEnd(name: "veth1"), master: foreign, peer: VethEnd(name: "pod1")),
            .addAddress(InterfaceAddress(try prefix("10.220.106.2/32")), to: bridge),
            .addRoute(Route(to: try prefix("10.192.0.0/10"), kind: .unreachable, metric: 4096)),
            .addRoute(Route(to: try prefix("198.51.100.0/24"), kind: .unreachable, metric: 4096)),
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
}
