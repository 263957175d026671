import Addressing
import Glibc
import Host
import KernelEye
import Netlink
import Testing

/// What the room writes is read back by nft itself.
@Suite(.enabled(if: getuid() == 0 && Files.isExecutable("/usr/sbin/nft"), "needs root and nft"))
struct NftablesTests {
    private static let warrens = NftablesTable(.inet, "warrens")
    private static let postrouting = NftablesChain(
        warrens, "plugin_postrouting",
        base: NftablesBase(.nat, hook: .postrouting, priority: NftablesBase.sourceNATPriority))
    private static let forward = NftablesChain(
        warrens, "plugin_forward", base: NftablesBase(.filter, hook: .forward, priority: NftablesBase.filterPriority))
    private static let checks = NftablesChain(warrens, "plugin_checks")
    private static let pods4 = NftablesSet(warrens, "pods4", key: .ipv4Address)
    private static let pods6 = NftablesSet(warrens, "pods6", key: .ipv6Address)
    private static let overlay4 = NftablesSet(warrens, "overlay4", key: .ipv4Address, holdsPrefixes: true)
    private static let overlay6 = NftablesSet(warrens, "overlay6", key: .ipv6Address, holdsPrefixes: true)
    private static let devices = NftablesSet(warrens, "devices", key: .interfaceName)

    @Test func everyStatementReadsAsNftWouldWriteIt() throws {
        let listing = try TestNamespace.run {
            let nftables = try Nftables()
            let pod4 = try #require(IPAddress("10.1.2.3")), pod6 = try #require(IPAddress("fd00::3"))
            let node = try #require(IPPrefix("10.220.106.0/24")), node6 = try #require(IPPrefix("fd53::/112"))
            let ten = try #require(IPPrefix("10.0.0.0/8")), ula = try #require(IPPrefix("fc00::/7"))
            try nftables.commit([
                .addTable(Self.warrens), .addSet(Self.pods4), .addSet(Self.pods6), .addSet(Self.overlay4),
                .addSet(Self.overlay6), .addSet(Self.devices),
                .addChain(Self.postrouting), .addChain(Self.forward), .addChain(Self.checks),
                .addElements(Self.pods4, [.address(pod4)]), .addElements(Self.pods6, [.address(pod6)]),
                // One lies within the other, and one ends where the address space does.
                .addElements(Self.overlay4, [.prefix(node), .prefix(ten), .prefix(IPPrefix("240.0.0.0/4") ?? ten)]),
                .addElements(Self.overlay6, [.prefix(ula), .prefix(node6)]),
                .addElements(Self.devices, [.interfaceName("cni0")]),
                .appendRule(
                    Self.postrouting, [.source(.inSet("pods4", .v4)), .jump("plugin_checks")], comment: "pods, IPv4"),
                .appendRule(Self.postrouting, [.source(.inSet("pods6", .v6)), .goTo("plugin_checks")]),
                .appendRule(Self.checks, [.outputInterface(.inSet("devices")), .return]),
                .appendRule(Self.checks, [.destination(.inSet("overlay4", .v4)), .return]),
                .appendRule(Self.checks, [.destination(.notInSet("overlay6", .v6)), .counter, .masquerade]),
                .appendRule(Self.checks, [.source(.within(node)), .destination(.notWithin(ten)), .masquerade]),
                .appendRule(Self.checks, [.source(.within(node6)), .destination(.notWithin(node6)), .sourceNAT(pod6)]),
                .appendRule(Self.checks, [.family(.v4), .sourceNAT(pod4)]),
                .appendRule(Self.forward, [.inputInterface(.equals("cni0")), .accept], comment: "from pods"),
                .appendRule(Self.forward, [.inputInterface(.notEquals("veth*")), .drop]),
                .appendRule(Self.forward, [.outputInterface(.notInSet("devices")), .connectionState(.new), .return]),
                .appendRule(
                    Self.forward,
                    [.outputInterface(.equals("cni0")), .connectionState([.established, .related]), .accept]),
                .appendRule(Self.forward, [.mark(0x5741_5252), .setConnectionMark(7), .counter]),
                .appendRule(Self.forward, [.connectionMark(7, mask: 0xff), .setMark(9)]),
                .appendRule(Self.forward, [.transportProtocol(17), .destinationPort(31337), .accept]),
                .appendRule(
                    Self.forward,
                    [
                        .transportProtocol(17), .transportBytes(0, [0x7a, 0x69]),
                        .setTransportBytes(2, [0x7a, 0x6a], checksumAt: 6),
                    ]),
                .appendRule(Self.forward, [.destinationWasTranslated, .accept]),
                .insertRule(Self.forward, [.destination(.within(IPPrefix(host: pod6))), .accept], comment: "first"),
            ])
            #expect(try nftables.tables() == [Self.warrens])
            #expect(try Set(nftables.chains(in: Self.warrens)) == [Self.postrouting, Self.forward, Self.checks])
            let rules = try nftables.rules(in: Self.forward)
            #expect(
                rules.count == 10 && rules.first?.comment == "first" && rules.first?.expressions.last == "immediate")
            return try Command.run("/usr/sbin/nft", "list", "ruleset")
        }
        let text = listing.split(separator: "\t", omittingEmptySubsequences: false).joined(separator: "    ")
        // A hash table lists its elements in any order.
        #expect(Set(text.split(separator: "\n")) == Set(Self.expected.split(separator: "\n")))
    }

    /// nft's listing, with four blanks for each tab.
    private static let expected = """
        table inet warrens {
            set pods4 {
                type ipv4_addr
                elements = { 10.1.2.3 }
            }

            set pods6 {
                type ipv6_addr
                elements = { fd00::3 }
            }

            set overlay4 {
                type ipv4_addr
                flags interval
                elements = { 10.0.0.0/8, 240.0.0.0/4 }
            }

            set overlay6 {
                type ipv6_addr
                flags interval
                elements = { fc00::/7 }
            }

            set devices {
                type ifname
                elements = { "cni0" }
            }

            chain plugin_postrouting {
                type nat hook postrouting priority srcnat; policy accept;
                ip saddr @pods4 jump plugin_checks comment "pods, IPv4"
                ip6 saddr @pods6 goto plugin_checks
            }

            chain plugin_forward {
                type filter hook forward priority filter; policy accept;
                ip6 daddr fd00::3 accept comment "first"
                iifname "cni0" accept comment "from pods"
                iifname != "veth*" drop
                oifname != @devices ct state new return
                oifname "cni0" ct state established,related accept
                meta mark 0x57415252 ct mark set 0x00000007 counter packets 0 bytes 0
                ct mark & 0x000000ff == 0x00000007 meta mark set 0x00000009
                udp dport 31337 accept
                udp sport 31337 udp dport set 31338
                ct status dnat accept
            }

            chain plugin_checks {
                oifname @devices return
                ip daddr @overlay4 return
                ip6 daddr != @overlay6 counter packets 0 bytes 0 masquerade
                ip saddr 10.220.106.0/24 ip daddr != 10.0.0.0/8 masquerade
                ip6 saddr fd53::/112 ip6 daddr != fd53::/112 snat ip6 to fd00::3
                meta nfproto ipv4 snat ip to 10.1.2.3
            }
        }

        """

    @Test func aTransactionIsMadeAsAWholeOrNotAtAll() throws {
        try TestNamespace.run {
            let nftables = try Nftables()
            let missing = NftablesChain(Self.warrens, "missing")
            let error = #expect(throws: SystemError.self) {
                try nftables.commit([
                    .addTable(Self.warrens), .addChain(Self.checks), .appendRule(Self.checks, [.jump("nowhere")]),
                    .flushChain(missing),
                ])
            }
            #expect(error?.operation == "append nftables rule" && error?.subject == "inet warrens plugin_checks")
            #expect(error?.code == ENOENT)
            #expect(try nftables.tables().isEmpty && nftables.rules(in: Self.checks).isEmpty)
            // The socket is of use afterwards.
            try nftables.commit([.addTable(Self.warrens), .addChain(Self.forward)])
            #expect(try nftables.chains() == [Self.forward])
        }
    }

    @Test func ofManyFailuresTheFirstIsNamed() throws {
        try TestNamespace.run {
            let nftables = try Nftables()
            let chains = (0..<3000).map { NftablesChain(Self.warrens, "missing\($0)") }
            let error = #expect(throws: SystemError.self) {
                try nftables.commit([.addTable(Self.warrens)] + chains.map { .flushChain($0) })
            }
            #expect(error?.code == ENOENT && error?.subject == "inet warrens missing0")
            try nftables.commit([.addTable(Self.warrens)])
            #expect(try nftables.tables() == [Self.warrens])
        }
    }

    @Test func whatIsThereOrMissingIsTolerated() throws {
        try TestNamespace.run {
            let nftables = try Nftables()
            let pods = (1...3).compactMap { IPAddress("10.1.2.\($0)") }.map(NftablesElement.address)
            let net = try #require(IPPrefix("10.1.0.0/16")), other = try #require(IPPrefix("10.2.0.0/16"))
            for _ in 1...2 {
                try nftables.commit([
                    .addTable(Self.warrens), .addSet(Self.pods4), .addSet(Self.overlay4), .addChain(Self.forward),
                    .flushChain(Self.forward), .appendRule(Self.forward, [.accept]),
                    .addElements(Self.pods4, Array(pods.prefix(2))), .addElements(Self.overlay4, [.prefix(net)]),
                ])
            }
            #expect(try nftables.rules(in: Self.forward).count == 1)
            for _ in 1...2 {
                try nftables.commit([
                    .removeElements(Self.pods4, [pods[0], pods[2]]), .removeElements(Self.overlay4, [.prefix(other)]),
                ])
            }
            let listing = try Command.run("/usr/sbin/nft", "list", "ruleset")
            #expect(listing.contains("elements = { 10.1.2.2 }") && listing.contains("elements = { 10.1.0.0/16 }"))
            try nftables.commit([.replaceElements(Self.overlay4, [.prefix(other)])])
            #expect(try Command.run("/usr/sbin/nft", "list", "ruleset").contains("elements = { 10.2.0.0/16 }"))
            for _ in 1...2 { try nftables.commit([.removeChain(Self.forward), .removeSet(Self.pods4)]) }
            #expect(try nftables.chains().isEmpty)
            for _ in 1...2 { try nftables.commit([.removeTable(Self.warrens)]) }
            #expect(try nftables.tables().isEmpty)
        }
    }

    @Test func largeSetsAreFilledAndCompared() throws {
        try TestNamespace.run {
            let nftables = try Nftables()
            let pods = (0..<5000).map {
                NftablesElement.address(IPAddress(family: .v6, bits: 0xfd << 120 | UInt128($0)))
            }
            try nftables.commit([.addTable(Self.warrens), .addSet(Self.pods6), .addElements(Self.pods6, pods)])
            let listing = try Command.run("/usr/sbin/nft", "list", "ruleset")
            #expect(listing.split(separator: ",").count == 5000)
        }
    }

    @Test func rulesGoIntoAForeignChainAndOutAgain() throws {
        try TestNamespace.run {
            try Command.run("/usr/sbin/nft", "add table ip filter")
            try Command.run(
                "/usr/sbin/nft", "add chain ip filter FORWARD { type filter hook forward priority 0; policy drop; }")
            try Command.run("/usr/sbin/nft", "add rule ip filter FORWARD counter drop")
            let nftables = try Nftables()
            let forward = try #require(try nftables.chains().first)
            #expect(forward.name == "FORWARD" && forward.base?.accepts == false && forward.base?.hook == .forward)
            try nftables.commit([
                .insertRule(forward, [.inputInterface(.equals("cni0")), .accept], comment: "warrens: from pods")
            ])
            let rules = try nftables.rules(in: forward)
            #expect(rules.map(\.comment) == ["warrens: from pods", ""])
            #expect(rules.last?.expressions == ["counter", "immediate"])
            try nftables.commit(rules.prefix(1).map { .deleteRule(forward, handle: $0.handle) })
            #expect(try nftables.rules(in: forward).map(\.comment) == [""])
        }
    }

    @Test(.enabled(if: Files.isExecutable("/usr/sbin/iptables-nft"), "needs iptables-nft"))
    func iptablesStillUnderstandsItsTableWithOurRulesInIt() throws {
        try TestNamespace.run {
            try Command.run("/usr/sbin/iptables-nft", "-P", "FORWARD", "DROP")
            let nftables = try Nftables()
            let forward = try #require(try nftables.chains(in: NftablesTable(.ip, "filter")).first)
            let pods = try #require(IPPrefix("10.192.0.0/10"))
            try nftables.commit([
                .insertRule(
                    forward,
                    [.outputInterface(.equals("cni0")), .xtablesConnectionState([.established, .related]), .accept],
                    comment: "warrens"),
                .insertRule(
                    forward, [.inputInterface(.equals("cni0")), .source(.within(pods)), .accept], comment: "warrens"),
                .insertRule(forward, [.mark(7, mask: 0xff), .counter, .accept], comment: "warrens"),
            ])
            let listing = try Command.run("/usr/sbin/iptables-nft", "-S", "FORWARD")
            #expect(
                listing == """
                    -P FORWARD DROP
                    -A FORWARD -m mark --mark 0x7/0xff -m comment --comment warrens -j ACCEPT
                    -A FORWARD -s 10.192.0.0/10 -i cni0 -m comment --comment warrens -j ACCEPT
                    -A FORWARD -o cni0 -m conntrack --ctstate RELATED,ESTABLISHED -m comment --comment warrens -j ACCEPT

                    """)
            try Command.run("/usr/sbin/iptables-nft", "-D", "FORWARD", "1")
            #expect(try nftables.rules(in: forward).map(\.comment) == ["warrens", "warrens"])
        }
    }

    @Test func devicesWithChainsOfTheirOwnAreKnown() throws {
        try TestNamespace.run {
            let nftables = try Nftables()
            _ = try RouteSocket().ensureVethPair("loop0", "loop1", mtu: 1400)
            try nftables.commit([.addTable(Self.warrens), .addChain(Self.forward)])
            #expect(try nftables.devicesWithChains().isEmpty)
            try Command.run("/usr/sbin/nft", "add", "table", "netdev", "guard")
            let hook = "{ type filter hook ingress device \"loop0\" priority 0; }"
            try Command.run("/usr/sbin/nft", "add", "chain", "netdev", "guard", "one", hook)
            #expect(try nftables.devicesWithChains() == ["loop0"])
            let both = "{ type filter hook ingress devices = { loop0, loop1 } priority 1; }"
            try Command.run("/usr/sbin/nft", "add", "chain", "netdev", "guard", "two", both)
            #expect(try nftables.devicesWithChains() == ["loop0", "loop1"])
            try Command.run("/usr/sbin/nft", "delete", "table", "netdev", "guard")
            try Command.run(
                "/usr/sbin/nft", "add", "chain", "inet", "warrens", "early",
                "{ type filter hook ingress device \"loop1\" priority 0; }")
            #expect(try nftables.devicesWithChains() == ["loop1"])
        }
    }
}
