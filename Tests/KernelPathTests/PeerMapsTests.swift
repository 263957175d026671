import Addressing
import BPFShim
import Glibc
import Host
import PacketPath
import Testing

@testable import KernelPath

@Suite(.enabled(if: getuid() == 0, "needs root, to load programs"))
struct PeerMapsTests {
    private let maps: DatapathMaps
    private let lengths = PeerEntries.SubnetLengths(v4: 96 + 24, v6: 112)

    init() throws {
        let object = try BPFObject(.tunnel)
        try object.load()
        maps = try DatapathMaps(object)
    }

    private var ways: PeerMaps.Ways {
        Surroundings(tunnelDevice: 7, uplinks: [.init(index: 2, hasEthernetHeader: true)]).ways
    }

    private func peer(_ name: String, _ subnets: [String], endpoint: String = "192.0.2.9") -> ForwardingPlan.Peer {
        let address = IPAddress(endpoint)
        return ForwardingPlan.Peer(
            name: name, subnets: subnets.compactMap { IPPrefix($0) }, nodeAddresses: address.map { [$0] } ?? [],
            endpoint: address.map { SocketAddress($0, port: 31337) }, outerSources: address.map { [$0] },
            nextHop: IPAddress("192.0.2.1").map { .init(interfaceIndex: 2, source: $0) })
    }

    private func owner(_ subnet: String) throws -> UInt32? {
        let prefix = try #require(IPPrefix(subnet))
        return lengths.isUsual(prefix)
            ? try maps.subnets.value(for: warrens_address(prefix.first))
            : try maps.oddSubnets.value(for: warrens_prefix(prefix))
    }

    @Test func planIsInTheMaps() throws {
        var peers = PeerMaps(maps, lengths)
        var odd = peer("b", ["10.200.0.0/20", "fd53:7769:726c:1::/112"], endpoint: "192.0.2.3")
        odd.routes = [try #require(IPPrefix("198.51.100.0/24"))]
        try peers.reconcile([peer("a", ["10.220.1.0/24"], endpoint: "192.0.2.2"), odd], ways)
        let (a, b) = (try #require(peers.number(of: "a")), try #require(peers.number(of: "b")))
        #expect(try owner("10.220.1.0/24") == a && owner("10.200.0.0/20") == b && owner("fd53:7769:726c:1::/112") == b)
        #expect(peers.oddSubnetCount == 1 && peers.routeCount == 1)
        let record = try #require(try maps.peers.value(for: a))
        let flags = WARRENS_PEER_REACHABLE.rawValue | WARRENS_PEER_CHECKS_SOURCE.rawValue
        #expect(UInt32(record.flags) & flags == flags && record.device == 2 && record.port == UInt16(31337).bigEndian)
        #expect(try maps.traffic.value(for: b) != nil)
    }

    /// What the next `warrensd` does: the entries of peers that are still there are the same afterwards.
    @Test func takesOverWhatIsThere() throws {
        var former = PeerMaps(maps, lengths)
        try former.reconcile(
            [peer("a", ["10.220.1.0/24"]), peer("b", ["10.220.2.0/24"]), peer("c", ["10.220.3.0/24"])], ways)
        let numbers = ["a", "c"].map { former.number(of: $0) }
        var traffic = warrens_traffic()
        traffic.sent_packets = 5
        let number = try #require(numbers[1])
        try maps.traffic.set(traffic, for: number)
        var next = PeerMaps(maps, lengths)
        try next.reconcile(
            [peer("c", ["10.220.3.0/24"]), peer("a", ["10.220.1.0/24"]), peer("d", ["10.220.4.0/24"])], ways)
        #expect(["a", "c"].map { next.number(of: $0) } == numbers)
        #expect(try owner("10.220.2.0/24") == nil && owner("10.220.4.0/24") == next.number(of: "d"))
        #expect(try maps.traffic.value(for: number)?.sent_packets == 5)
        #expect(try maps.peers.count() == 3 && maps.traffic.count() == 3)
    }

    @Test func differencesChangeWhatTheyName() throws {
        var peers = PeerMaps(maps, lengths)
        try peers.reconcile([peer("a", ["10.220.1.0/24"]), peer("b", ["10.220.2.0/24"])], ways)
        let a = try #require(peers.number(of: "a"))
        // A subnet changes hands, a peer goes, another comes.
        try peers.apply(
            ForwardingChange(
                local: .init(), removed: ["b"],
                updated: [peer("a", ["10.220.1.0/24", "10.220.2.0/24"]), peer("c", ["10.220.3.0/24"])]), ways)
        #expect(peers.number(of: "a") == a && peers.number(of: "b") == nil)
        #expect(try owner("10.220.1.0/24") == a && owner("10.220.2.0/24") == a)
        #expect(try owner("10.220.3.0/24") == peers.number(of: "c"))
        #expect(try maps.peers.count() == 2 && maps.subnets.count() == 3)
        try peers.apply(ForwardingChange(local: .init(), removed: ["a", "c"]), ways)
        for count in [
            try maps.peers.count(), try maps.subnets.count(), try maps.nodes.count(), try maps.endpoints.count(),
            try maps.sources.count(), try maps.traffic.count(),
        ] { #expect(count == 0) }
    }

    /// Two nodes behind one NAT have one address: when one goes, it is the other's.
    @Test func sharedAddressesOutliveOneOwner() throws {
        var peers = PeerMaps(maps, lengths)
        try peers.reconcile([peer("a", ["10.220.1.0/24"]), peer("b", ["10.220.2.0/24"])], ways)
        let shared = try #require(IPAddress("192.0.2.9"))
        let address = warrens_address(shared)
        let first = try #require(try maps.nodes.value(for: address))
        let (gone, stays) = first == peers.number(of: "a") ? ("a", "b") : ("b", "a")
        try peers.apply(ForwardingChange(local: .init(), removed: [gone]), ways)
        #expect(try maps.nodes.value(for: address) == peers.number(of: stays))
        try peers.apply(ForwardingChange(local: .init(), removed: [stays]), ways)
        #expect(try maps.nodes.value(for: address) == nil)
    }

    @Test func peersWithoutAWayAreLeftToTheDaemon() throws {
        var peers = PeerMaps(maps, lengths)
        var unknownDevice = peer("a", ["10.220.1.0/24"])
        unknownDevice.nextHop?.interfaceIndex = 99
        let checksummed = peer("b", ["10.220.2.0/24"], endpoint: "2001:db8::2")
        var deferring = peer("c", ["10.220.3.0/24"])
        deferring.defersChecksums = true
        try peers.reconcile([unknownDevice, checksummed, deferring], ways)
        for name in ["a", "b", "c"] {
            let number = try #require(peers.number(of: name))
            let record = try #require(try maps.peers.value(for: number))
            #expect(UInt32(record.flags) & WARRENS_PEER_REACHABLE.rawValue == 0, "\(name)")
            #expect(UInt32(record.flags) & WARRENS_PEER_HAS_ENDPOINT.rawValue != 0, "\(name)")
        }
    }

    @Test func namesOfCountersAreThoseOfTheDaemon() {
        let indices = KernelCounter.all.map(\.index)
        #expect(indices == Array(0..<WARRENS_COUNTERS.rawValue))
    }
}
