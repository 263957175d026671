import Addressing
import Host
import PacketPath
import Testing

@testable import Overlay
@testable import TunnelDatapath

struct PlanMakerTests {
    /// Settles what becomes of some nodes, on a machine of which `/tmp` has the identity.
    private static func plan(
        _ nodes: String, hostDestinations: [String] = [], settings: Settings = .default
    ) throws -> (PlanMaker, [Peer]) {
        let root = "/tmp/warrens-plan-\(UInt64.random(in: 0 ... .max))"
        defer { _ = try? Files.removeTree(root) }
        try Files.makeDirectories("\(root)/etc")
        try Files.replace("\(root)/etc/machine-id", with: "0123456789abcdef0123456789abcdef\n".utf8)
        let node = try LocalNode.load(paths: NodePaths(root: root), settings: .default, kernelFamilies: [.v6, .v4])
        let file = try NodeFile.parse(
            Array("{\"kind\": \"List\", \"items\": [\(nodes)]}".utf8), source: "nodes.json", settings: .default)
        let registry = Registry.build(from: file, local: node, settings: .default, facts: .unknown)
        let maker = PlanMaker(
            settings: settings, node: node, ownRoutes: [], ownFeatures: ["checksum-deferral"],
            path: Self.path, uplinkMTU: 1500, longestReceived: 1500,
            ownAddresses: [IPAddress("192.0.2.200")].compactMap { $0 },
            hostDestinations: Set(hostDestinations.compactMap { IPPrefix($0) }), resolved: [:])
        return (maker, registry.peers)
    }

    /// IPv4 leads through a router, IPv6 does not, and has no source for documentation's second prefix.
    private static func path(to address: IPAddress) -> Underlay.Path {
        if address.family == .v4 {
            return Underlay.Path(
                mtu: 1500, interfaceIndex: 7, gateway: IPAddress("192.0.2.254"), source: IPAddress("192.0.2.200"))
        }
        let isNear = IPPrefix("2001:db8::/32")?.contains(address) ?? false
        return Underlay.Path(mtu: 9000, interfaceIndex: 8, source: isNear ? IPAddress("2001:db8::200") : nil)
    }

    private static func node(_ name: String, _ annotations: String, addresses: [String]) -> String {
        let list = addresses.map { "{\"type\": \"InternalIP\", \"address\": \"\($0)\"}" }.joined(separator: ",")
        return "{\"kind\": \"Node\", \"metadata\": {\"name\": \"\(name)\", \"annotations\": {\(annotations)}}, "
            + "\"status\": {\"addresses\": [\(list)], \"nodeInfo\": {\"machineID\": \"fedcba9876543210fedcba9876543210\"}}}"
    }

    /// A node of both families may announce an endpoint of one of them, and send over the other one.
    @Test func aPeerMaySendFromAllOfItsAddresses() throws {
        let (maker, peers) = try Self.plan(
            Self.node(
                "shed",
                "\"warrens.io/endpoints\": \"198.51.100.7:4000\", \"warrens.io/features\": \"checksum-deferral\"",
                addresses: ["192.0.2.7", "2001:db8::7"]))
        let peer = try #require(peers.map(maker.peer).first)
        #expect(peer.endpoint?.description == "198.51.100.7:4000" && peer.defersChecksums)
        #expect(peer.outerSources?.map(\.description) == ["192.0.2.7", "2001:db8::7", "198.51.100.7"])
    }

    @Test func theDatapathLearnsWhatPeersAreCapableOfAndTheFirstStepToThem() throws {
        let nodes = [
            Self.node("a", "\"warrens.io/subnets\": \"10.220.1.0/24\"", addresses: ["192.0.2.1"]),
            Self.node(
                "b", "\"warrens.io/subnets\": \"10.220.2.0/24\", \"warrens.io/features\": \"ebpf,zero-checksum6\"",
                addresses: ["2001:db8::2"]),
            Self.node("c", "\"warrens.io/subnets\": \"10.220.3.0/24\"", addresses: ["3fff::3"]),
        ]
        let (maker, peers) = try Self.plan(nodes.joined(separator: ","))
        let plan = maker.plan(for: peers)
        #expect(plan.local.addresses.map(\.description) == ["192.0.2.200"])
        #expect(plan.peers.map(\.hasKernelPath) == [false, true, false])
        #expect(plan.peers.map(\.acceptsZeroChecksum6) == [false, true, false])
        let router = try #require(IPAddress("192.0.2.254"))
        let ownV4 = try #require(IPAddress("192.0.2.200"))
        let ownV6 = try #require(IPAddress("2001:db8::200"))
        #expect(
            plan.peers.map(\.nextHop) == [
                .init(interfaceIndex: 7, gateway: router, source: ownV4),
                .init(interfaceIndex: 8, source: ownV6),
                nil,
            ])
        #expect(plan.peers[2].endpoint != nil)
    }

    @Test func demandsFollowEachPeer() throws {
        let nodes = [
            Self.node("a", "\"warrens.io/subnets\": \"10.220.1.0/24\"", addresses: ["192.0.2.1"]),
            Self.node(
                "b", "\"warrens.io/subnets\": \"10.220.2.0/24\", \"warrens.io/routes\": \"172.16.0.0/16,10.9.8.0/24\"",
                addresses: ["2001:db8::2"]),
        ]
        let (maker, peers) = try Self.plan(nodes.joined(separator: ","), hostDestinations: ["10.9.0.0/16"])
        let plan = maker.plan(for: peers)
        var demands = maker.demands(of: plan)
        #expect(demands.smallestLimit == 1472 && demands.destinations.map(\.description) == ["172.16.0.0/16"])
        #expect(demands.problems.map(\.node) == ["b"])
        #expect(maker.network(demands).mtu == 1472)
        demands.replace(plan.peers[0], by: nil)
        #expect(demands.smallestLimit == 8952)
        demands.replace(plan.peers[1], by: nil)
        #expect(demands.smallestLimit == nil && demands.destinations.isEmpty && demands.problems.isEmpty)
    }

    @Test func aFramingHeaderTakesItsRoom() throws {
        var settings = Settings.default
        settings.framing = .gpe
        let nodes = [
            Self.node("a", "\"warrens.io/subnets\": \"10.220.1.0/24\"", addresses: ["192.0.2.1"]),
            Self.node("b", "\"warrens.io/subnets\": \"10.220.2.0/24\"", addresses: ["2001:db8::2"]),
        ]
        let (maker, peers) = try Self.plan(nodes.joined(separator: ","), settings: settings)
        let plan = maker.plan(for: peers)
        var demands = maker.demands(of: plan)
        #expect(demands.smallestLimit == 1464 && maker.network(demands).mtu == 1464)
        demands.replace(plan.peers[0], by: nil)
        #expect(demands.smallestLimit == 8944 && maker.network(demands).mtu == 8944)
    }
}
