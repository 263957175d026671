import Addressing
import Host
import Testing

@testable import Overlay

@Suite struct RegistryTests {
    private static let one = "0123456789abcdef0123456789abcdef"
    private static let two = "fedcba9876543210fedcba9876543210"
    private static let three = "00112233445566778899aabbccddeeff"

    private func registry(
        _ nodes: [String], local: LocalNode? = nil, facts: UplinkFacts = .unknown
    ) throws -> Registry {
        let file = try NodeFileTests.parse(NodeFileTests.list(nodes))
        return Registry.build(from: file, local: local, settings: .default, facts: facts)
    }

    private func local(name: String, machineID: String = one, claim: Claim = Claim()) throws -> LocalNode {
        var identity = NodeIdentity(machineID: try #require(MachineID(machineID)))
        identity.claim = claim
        var settings = Settings.default
        settings.nodeName = name
        return try LocalNode(identity, paths: .init(root: "/nowhere"), settings: settings, kernelFamilies: [.v6, .v4])
    }

    private func dated(_ moment: String) -> [String: String] {
        ["warrens.io/claim": "generation=0,since=\(moment)"]
    }

    @Test func selfIsTheEntryWithOurName() throws {
        let registry = try registry(
            [NodeFileTests.node("shed", machineID: Self.two), NodeFileTests.node("attic", machineID: Self.one)],
            local: local(name: "attic"))
        #expect(registry.peers.map(\.name) == ["shed"] && registry.selfEntry?.name == "attic")
        #expect(registry.problems.isEmpty && registry.conflicts.isEmpty)
    }

    @Test func anEqualNodeIDAloneIsAClash() throws {
        let registry = try registry([NodeFileTests.node("shed", machineID: Self.one)], local: local(name: "attic"))
        #expect(registry.selfEntry == nil && registry.peers.map(\.name) == ["shed"])
        #expect(Set(registry.conflicts.map(\.winner)) == ["attic"] && registry.conflicts.count == 2)
        #expect(registry.peers[0].subnets.isEmpty && registry.lost.isEmpty)
    }

    /// As with names of the domain or --hostname-override: the host is called otherwise than the node.
    @Test(arguments: [0, 1] as [UInt8]) func selfIsTheEntryWithOurMachineAndAddress(generation: UInt8) throws {
        let facts = UplinkFacts(
            onLink: [], routable: [.v4], ownAddresses: [try #require(IPAddress("192.0.2.10"))])
        let nodes = [
            NodeFileTests.node("attic.example.org", machineID: Self.one),
            NodeFileTests.node("shed", machineID: Self.two, addresses: [("InternalIP", "192.0.2.11")]),
        ]
        let registry = try registry(
            nodes, local: local(name: "zoo", claim: Claim(generation: generation)), facts: facts)
        #expect(registry.selfEntry?.name == "attic.example.org" && registry.peers.map(\.name) == ["shed"])
        #expect(registry.lost.isEmpty && registry.conflicts.isEmpty && registry.selfAbsence == nil)
        #expect(registry.problems.map(\.field) == (generation == 0 ? [] : ["status.nodeInfo.machineID"]))
    }

    @Test func aNodeThatOnlyLooksLikeThisOneStaysARival() throws {
        let facts = UplinkFacts(
            onLink: [], routable: [.v4], ownAddresses: [try #require(IPAddress("198.51.100.1"))])
        let registry = try registry(
            [NodeFileTests.node("attic.example.org", machineID: Self.one)], local: local(name: "zoo"), facts: facts)
        #expect(registry.selfEntry == nil && registry.lost.count == 2)
        #expect(registry.problems.contains { $0.message.contains("set nodeName to \"attic.example.org\"") })
        #expect(registry.selfAbsence?.hasPrefix("this node (zoo) is not in the node file") == true)
    }

    @Test func aPeerWithOurOwnAddressIsReported() throws {
        let facts = UplinkFacts(
            onLink: [], routable: [.v4], ownAddresses: [try #require(IPAddress("192.0.2.10"))])
        let registry = try registry(
            [
                NodeFileTests.node("attic", machineID: Self.one, addresses: [("InternalIP", "192.0.2.1")]),
                NodeFileTests.node("shed", machineID: Self.two),
            ], local: local(name: "attic"), facts: facts)
        #expect(registry.problems.map(\.node) == ["shed"])
        #expect(registry.problems[0].description.contains("192.0.2.10 is an address of this node itself"))
    }

    @Test func aLostSubnetIsReported() throws {
        let registry = try registry([NodeFileTests.node("shed", machineID: Self.one)], local: local(name: "zoo"))
        #expect(Set(registry.lost.map(\.winner)) == ["shed"] && registry.lost.count == 2)
        #expect(registry.peers[0].subnets.count == 2)
    }

    /// All others judge by the file alone, so a date that it does not have must not count.
    @Test(arguments: [("attic", true), ("zoo", false)])
    func aNodeJudgesItselfAsOthersDo(name: String, wins: Bool) throws {
        let claim = Claim(generation: 0, since: Timestamp("2020-01-01T00:00:00Z"))
        let twins = [NodeFileTests.node(name, machineID: Self.one), NodeFileTests.node("shed", machineID: Self.one)]
        let registry = try registry(twins, local: local(name: name, claim: claim))
        #expect(registry.lost.isEmpty == wins)
        #expect(registry.peers[0].subnets.isEmpty == wins)
        // Another node that reads the same file agrees.
        #expect(try self.registry(twins).peers.first { !$0.subnets.isEmpty }?.name == (wins ? name : "shed"))
    }

    /// Nobody else knows of subnets that the file does not have.
    @Test func aNodeThatTheFileGivesOtherSubnetsIsJudgedByItsOwnClaim() throws {
        let claim = Claim(generation: 1, since: Timestamp("2020-01-01T00:00:00Z"))
        let nodes = [NodeFileTests.node("zoo", machineID: Self.two), NodeFileTests.node("shed", machineID: Self.one)]
        #expect(try registry(nodes, local: local(name: "zoo", claim: claim)).lost.isEmpty)
    }

    @Test func anEntryOfOursThatContradictsUsIsReported() throws {
        let registry = try registry([NodeFileTests.node("attic", machineID: Self.two)], local: local(name: "attic"))
        #expect(registry.peers.isEmpty && registry.conflicts.isEmpty)
        #expect(registry.problems.map(\.node) == ["attic"])
        #expect(
            registry.problems[0].message.contains(
                "warrens.io/subnets=fd53:7769:726c:3029:13e9:dc81:ee6d::/112,10.220.106.0/24"))
    }

    @Test(arguments: [
        // (annotations of a, annotations of b, who wins)
        ([:], [:], "a"),
        ([:], ["warrens.io/claim": "generation=0,since=2026-03-01T12:00:00Z"], "b"),
        (
            ["warrens.io/claim": "generation=0,since=2026-03-01T12:00:01Z"],
            ["warrens.io/claim": "generation=5,since=2026-03-01T12:00:00Z"], "b"
        ),
        ([:], ["warrens.io/public-key": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="], "b"),
        (
            ["warrens.io/public-key": "AQECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="],
            ["warrens.io/public-key": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="], "b"
        ),
    ])
    func theBetterClaimHoldsTheSubnet(a: [String: String], b: [String: String], winner: String) throws {
        for nodes in [[("a", a), ("b", b)], [("b", b), ("a", a)]] {
            let registry = try registry(
                nodes.map { NodeFileTests.node($0.0, machineID: Self.one, annotations: $0.1) })
            #expect(registry.conflicts.count == 2 && registry.conflicts.allSatisfy { $0.winner == winner })
            for peer in registry.peers { #expect(peer.subnets.isEmpty == (peer.name != winner)) }
        }
    }

    @Test func oneFamilyMayClashAlone() throws {
        let registry = try registry([
            NodeFileTests.node("a", machineID: Self.one),
            NodeFileTests.node(
                "b", machineID: Self.two, annotations: ["warrens.io/subnets": "fd00::/112,10.220.106.0/25"]),
        ])
        #expect(registry.conflicts.map(\.description).count == 1)
        #expect(registry.peers[1].subnets.map(\.description) == ["fd00::/112"])
    }

    @Test func aWideSubnetLosesToABetterOneInsideOfIt() throws {
        let registry = try registry([
            NodeFileTests.node("a", machineID: Self.one),
            NodeFileTests.node("b", machineID: Self.two, annotations: ["warrens.io/subnets": "10.220.0.0/16"]),
            NodeFileTests.node("c", machineID: Self.three, annotations: ["warrens.io/subnets": "10.220.7.0/24"]),
        ])
        #expect(registry.conflicts.map(\.loser) == ["b"] && registry.conflicts.map(\.winner) == ["a"])
        #expect(registry.peers.map(\.subnets.count) == [2, 0, 1])
    }

    @Test func aDrainingSubnetIsReachedUntilAnotherNodeHasIt() throws {
        let annotations = ["warrens.io/claim": "generation=1,since=2026-03-01T12:00:00Z,draining=10.239.113.0/24"]
        let alone = try registry([NodeFileTests.node("a", machineID: Self.one, annotations: annotations)])
        #expect(alone.peers[0].subnets.map(\.description).last == "10.239.113.0/24")
        let both = try registry([
            NodeFileTests.node("a", machineID: Self.one, annotations: annotations),
            NodeFileTests.node("b", machineID: Self.two),
        ])
        #expect(both.conflicts.map(\.loser) == ["a"] && both.peers.map(\.subnets.count) == [2, 2])
    }

    @Test func routesYieldToSubnetsAndLongestMatchDecidesBetweenThem() throws {
        let registry = try registry([
            NodeFileTests.node(
                "a", machineID: Self.one, annotations: ["warrens.io/routes": "10.0.0.0/8,192.168.0.0/16"]),
            NodeFileTests.node(
                "b", machineID: Self.two,
                annotations: ["warrens.io/routes": "192.168.1.0/24,10.220.106.16/28,192.168.0.0/16"]),
        ])
        #expect(registry.peers[0].routes.map(\.description) == ["10.0.0.0/8", "192.168.0.0/16"])
        #expect(registry.peers[1].routes.map(\.description) == ["192.168.1.0/24"])
        #expect(registry.conflicts.map(\.prefix.description).sorted() == ["10.220.106.16/28", "192.168.0.0/16"])
    }

    @Test func addressesArePreferredOnLinkThenExternal() throws {
        let node = NodeFileTests.node(
            "a",
            addresses: [
                ("InternalIP", "10.0.0.5"), ("InternalIP", "192.0.2.7"), ("ExternalIP", "203.0.113.9"),
                ("InternalIP", "2001:db8::7"),
            ])
        let facts = UplinkFacts(onLink: try [#require(IPPrefix("192.0.2.0/24"))], routable: [.v4])
        let peer = try #require(try registry([node], facts: facts).peers.first)
        #expect(peer.endpoints.map(\.description) == ["192.0.2.7:31337", "203.0.113.9:31337", "10.0.0.5:31337"])
        #expect(peer.nodeAddresses.count == 4)
        let unreachable = UplinkFacts(onLink: [], routable: [.v6])
        #expect(
            try registry([node], facts: unreachable).peers[0].endpoints.map(\.description) == ["[2001:db8::7]:31337"])
    }

    @Test func dynamicNodesHaveNoEndpoint() throws {
        let peer = try registry([NodeFileTests.node("a", annotations: ["warrens.io/endpoints": "dynamic"])]).peers[0]
        #expect(peer.isDynamic && peer.endpoints.isEmpty)
    }

    @Test func anEndpointInsideOfASubnetIsReported() throws {
        let registry = try registry([
            NodeFileTests.node("a", machineID: Self.one),
            NodeFileTests.node("b", machineID: Self.two, annotations: ["warrens.io/endpoints": "10.220.106.9:31337"]),
        ])
        #expect(registry.problems.map(\.node) == ["b"] && registry.problems[0].message.contains("of a;"))
        let nobodys = try self.registry([
            NodeFileTests.node("b", machineID: Self.two, annotations: ["warrens.io/endpoints": "10.200.0.9:31337"])
        ])
        #expect(nobodys.problems.first?.message.contains("the overlay's 10.192.0.0/10;") == true)
    }

    @Test func differencesNameWhatChanged() throws {
        let before = try registry([
            NodeFileTests.node("a", machineID: Self.one), NodeFileTests.node("b", machineID: Self.two),
        ])
        let after = try registry([
            NodeFileTests.node("b", machineID: Self.two, annotations: ["warrens.io/relay": "true"]),
            NodeFileTests.node("c", machineID: Self.three),
        ])
        let difference = after.difference(from: before)
        #expect(difference.added.map(\.name) == ["c"] && difference.removed.map(\.name) == ["a"])
        #expect(difference.changed.map(\.new.name) == ["b"] && difference.changed[0].new.isRelay)
        #expect(after.difference(from: after).isEmpty)
        let bad = try registry([
            NodeFileTests.node("b", machineID: Self.two, annotations: ["warrens.io/relay": "true"]),
            NodeFileTests.node("c", machineID: Self.three), NodeFileTests.node("d", machineID: "x"),
            NodeFileTests.node("e", machineID: Self.three),
        ])
        let news = bad.difference(from: after)
        #expect(news.newProblems.map(\.node) == ["d"] && Set(news.newConflicts.map(\.loser)) == ["e"])
        #expect(bad.difference(from: bad).isEmpty)
        let former = after.difference(from: bad)
        #expect(former.newProblems.isEmpty && former.newConflicts.isEmpty)
    }

    @Test func aHundredThousandNodesAreSettled() throws {
        let entries = (0..<100_000).map { index in
            let nodeID = NodeID(rawValue: FNV1a.hash64(Array("\(index)".utf8)))
            return NodeEntry(
                name: "node-\(index)", nodeID: nodeID,
                subnets: SelfAssignment.subnets(of: nodeID, settings: .default).map(\.prefix), announcesSubnets: false,
                routes: [], endpoints: nil, isDynamic: false,
                internalAddresses: [IPAddress(v4: 0xc612_0000 + UInt32(index))], externalAddresses: [], features: [],
                version: nil, publicKey: nil, isRelay: false, claim: Claim())
        }
        let registry = Registry.build(
            from: NodeFile(entries: entries, problems: []), local: nil, settings: .default, facts: .unknown)
        let v4 = registry.peers.flatMap(\.subnets).filter { $0.family == .v4 }
        // Six nodes share each of the 16,384 IPv4 subnets: one holds it, the others are told so.
        #expect(Set(v4).count == v4.count && v4.count > 16_000)
        #expect(v4.count + registry.conflicts.count == 100_000)
    }
}
