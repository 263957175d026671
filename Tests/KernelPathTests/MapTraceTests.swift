import Addressing
import BPFShim
import Glibc
import Host
import Overlay
import PacketPath
import Testing

@testable import KernelPath

/// What the maps tell of a packet, without one.
@Suite(.enabled(if: getuid() == 0, "needs root, to load programs"))
struct MapTraceTests {
    private let maps: DatapathMaps
    private let peers: [ForwardingPlan.Peer]
    private static let surroundings = Surroundings(
        tunnelDevice: 7, uplinks: [.init(index: 2, hasEthernetHeader: true)])

    init() throws {
        let object = try BPFObject(.tunnel)
        try object.load()
        maps = try DatapathMaps(object)
        peers = [
            try Self.peer("near", ["10.239.113.0/24", "10.239.114.0/25"], routes: ["172.16.0.0/16"]),
            try Self.peer("six", ["10.240.0.0/24"], endpoint: "2001:db8::2"),
            try Self.peer("far", ["10.241.0.0/24"], device: 9),
        ]
        var filled = PeerMaps(maps, .init(v4: 96 + 24, v6: 112))
        try filled.reconcile(peers, Self.surroundings.ways)
    }

    private static func address(_ text: String) throws -> IPAddress { try #require(IPAddress(text)) }

    private static func peer(
        _ name: String, _ subnets: [String], routes: [String] = [], endpoint: String = "192.0.2.2", device: Int32 = 2
    ) throws -> ForwardingPlan.Peer {
        let outer = try address(endpoint)
        return ForwardingPlan.Peer(
            name: name, subnets: subnets.compactMap { IPPrefix($0) }, routes: routes.compactMap { IPPrefix($0) },
            endpoint: SocketAddress(outer, port: 31337), routeMTU: 1500,
            nextHop: .init(interfaceIndex: device, source: outer))
    }

    private func options(fastPath: Bool = false) -> KernelOptions {
        KernelOptions(port: 31337, mark: 1, subnetLengthV4: 24, subnetLengthV6: 112, fastPath: fastPath)
    }

    private func packet(_ destination: String, length: Int = 1400, segment: Int? = nil) throws -> TrialPacket {
        TrialPacket(
            source: try Self.address("10.220.106.8"), destination: try Self.address(destination), length: length,
            segmentLength: segment)
    }

    private func obstacle(_ packet: TrialPacket, _ peer: Int?) throws -> String? {
        try MapTrace(maps: maps, options: options()).trace(packet, to: peer.map { peers[$0] }, overhead: 28).obstacle
    }

    @Test(arguments: ["10.239.113.8", "10.239.114.8", "172.16.3.4"])
    func whatThePeerHasIsCarried(destination: String) throws {
        let trace = try MapTrace(maps: maps, options: options()).trace(
            packet(destination), to: peers[0], overhead: 28)
        #expect(trace.obstacle == nil && trace.shortCut == nil)
    }

    @Test func whatDoesNotFitIsLeftToTheDaemon() throws {
        #expect(try obstacle(packet("10.239.113.8", length: 1472), 0) == nil)
        let long = try obstacle(packet("10.239.113.8", length: 1473), 0)
        #expect(long == "its datagram has 1501 bytes, where the path carries 1500")
        #expect(try obstacle(packet("10.239.113.8", length: 60_000, segment: 1472), 0) == nil)
        #expect(try obstacle(packet("10.239.113.8", length: 60_000, segment: 1473), 0) != nil)
        #expect(try obstacle(packet("10.239.113.8", length: 65_508, segment: 1400), 0)?.contains("65535") == true)
    }

    @Test func whatMayNotBeSentIsLeftToTheDaemon() throws {
        #expect(try obstacle(packet("10.242.0.1"), nil)?.contains("no node claims") == true)
        #expect(try obstacle(packet("10.240.0.1"), 1)?.contains("zero-checksum6") == true)
        #expect(try obstacle(packet("10.241.0.1"), 2)?.contains("none of the uplinks") == true)
        var loop = try packet("192.0.2.2")
        loop.destinationPort = 31337
        var behind = try Self.peer("near", ["192.0.2.0/24"])
        behind.routes = []
        var filled = PeerMaps(maps, .init(v4: 96 + 24, v6: 112))
        try filled.reconcile([behind], Self.surroundings.ways)
        let trace = try MapTrace(maps: maps, options: options()).trace(loop, to: behind, overhead: 28)
        #expect(trace.obstacle?.contains("a tunnel in the tunnel") == true)
    }

    @Test func aFlowTakesTheStackUntilItWasSeenEverywhere() throws {
        var packet = try packet("10.239.113.8")
        let shortCut = {
            try MapTrace(maps: maps, options: options(fastPath: true)).trace(packet, to: peers[0], overhead: 28)
                .shortCut
        }
        #expect(try shortCut()?.obstacle == "the programs do not know the pod")
        var local = warrens_local()
        try maps.locals.set(local, for: warrens_address(packet.source))
        #expect(try shortCut()?.obstacle?.contains("shapes or filters") == true)
        local.flags = WARRENS_LOCAL_BYPASSABLE.rawValue
        try maps.locals.set(local, for: warrens_address(packet.source))
        #expect(try shortCut()?.obstacle?.contains("both ports") == true)
        (packet.sourcePort, packet.destinationPort) = (4000, 53)
        #expect(try shortCut()?.obstacle?.contains("not been seen from the pod, into the tunnel") == true)
        let flow = warrens_flow(
            pod: warrens_address(packet.source), remote: warrens_address(packet.destination),
            pod_port: UInt16(4000).bigEndian, remote_port: UInt16(53).bigEndian, protocol: 17)
        var evidence = warrens_evidence(
            since: UInt64(monotonicNanoseconds()) - 1_000_000_000,
            seen: WARRENS_SEEN_FROM_POD.rawValue | WARRENS_SEEN_TO_TUNNEL.rawValue, reserved: 0)
        try maps.flows.set(evidence, for: flow)
        let half = try shortCut()
        #expect(half?.seen == ["from the pod", "into the tunnel"])
        #expect(half?.obstacle == "the flow has not been seen from the uplink, to the pod of late")
        evidence.seen = WARRENS_SEEN_EVERYWHERE.rawValue
        try maps.flows.set(evidence, for: flow)
        #expect(try shortCut()?.obstacle == nil)
        var config = warrens_config()
        config.evidence_since = evidence.since
        try maps.config.set(config, for: 0)
        #expect(try shortCut()?.seen == [], "what was seen before the host's rules changed")
        try maps.config.set(warrens_config(), for: 0)
        evidence.since -= WARRENS_EVIDENCE_LIFETIME
        try maps.flows.set(evidence, for: flow)
        #expect(try shortCut()?.seen == [], "what was seen long ago")
        packet.protocolNumber = 1
        #expect(try shortCut()?.obstacle == "it is neither TCP nor UDP")
    }
}
