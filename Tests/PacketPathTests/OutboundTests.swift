import Addressing
import Testing

@testable import PacketPath

@Suite struct OutboundTests {
    /// What a verdict comes down to, for comparison.
    private func verdict(
        _ packet: TestPacket, framing: Int = 0, _ table: ForwardingTable = TestPlan.table
    ) -> String {
        guard let inner = InnerPacket(packet.view) else { return "malformed" }
        return switch Outbound.decide(inner, longest: packet.view.count, framing: framing, table, now: 0) {
        case .send(let peer, let trafficClass, let mayFragment):
            "send \(peer.endpoint.address):\(peer.port) \(trafficClass)\(mayFragment ? " fragment" : "")"
        case .split(let peer, _, let mtu): "split \(peer.endpoint.address) \(mtu)"
        case .reject(let reason, let error): "reject \(reason) \(error)"
        case .drop(let reason): "drop \(reason)"
        }
    }

    @Test(arguments: [
        ("10.220.106.8", "10.239.113.9", "send 192.0.2.2:31337 0"),
        ("10.220.106.8", "10.240.0.9", "send 2001:db8::3:4000 0"),
        ("fd53::1:10", "fd53::2:10", "send 192.0.2.2:31337 0"),
        ("fd53::1:10", "fd53::3:10", "send 2001:db8::3:4000 0"),
        ("10.220.106.8", "10.99.3.4", "send 192.0.2.2:31337 0"),
        ("10.220.106.8", "10.241.0.9", "reject noEndpoint hostUnreachable"),
        ("10.220.106.8", "10.250.0.9", "reject noPeer noRoute"),
        ("fd53::1:10", "fd53::9:10", "reject noPeer noRoute"),
        ("10.220.106.8", "10.220.106.9", "drop ownDestination"),
        ("10.220.106.8", "224.0.0.1", "drop notUnicast"),
        ("10.220.106.8", "255.255.255.255", "drop notUnicast"),
        ("fd53::1:10", "ff02::2", "drop notUnicast"),
        ("fd53::1:10", "fe80::2", "drop notUnicast"),
    ])
    func findsTheWay(source: String, destination: String, expected: String) {
        let packet =
            source.contains(":")
            ? TestPacket.v6(from: source, to: destination, payload: TestPacket.udp(to: 53))
            : TestPacket.v4(from: source, to: destination, payload: TestPacket.udp(to: 53))
        #expect(verdict(packet) == expected)
    }

    @Test func copiesTheTrafficClassOutward() {
        let v4 = TestPacket.v4(from: "10.220.106.8", to: "10.239.113.9", trafficClass: 0xb9)
        #expect(verdict(v4) == "send 192.0.2.2:31337 185")
        let v6 = TestPacket.v6(from: "fd53::1:10", to: "fd53::2:10", trafficClass: 0xb9)
        #expect(verdict(v6) == "send 192.0.2.2:31337 185")
    }

    @Test func breaksLoops() {
        let loop = TestPacket.v4(from: "10.220.106.8", to: "10.239.113.77", payload: TestPacket.udp(to: 31337))
        #expect(verdict(loop) == "drop loop")
        let other = TestPacket.v4(from: "10.220.106.8", to: "10.239.113.77", payload: TestPacket.udp(to: 31338))
        #expect(verdict(other) == "send 192.0.2.2:31337 0")
        let ofAnother = TestPacket.v4(from: "10.220.106.8", to: "10.239.113.77", payload: TestPacket.udp(to: 4000))
        #expect(verdict(ofAnother) == "send 192.0.2.2:31337 0")
        let beyondNAT = TestPacket.v4(from: "10.220.106.8", to: "10.239.113.77", payload: TestPacket.udp(to: 4500))
        #expect(verdict(beyondNAT) == "drop loop")
        let pod = TestPacket.v4(from: "10.220.106.8", to: "10.239.113.78", payload: TestPacket.udp(to: 31337))
        #expect(verdict(pod) == "send 192.0.2.2:31337 0")
    }

    @Test(arguments: [
        (1472, UInt16(0x4000), "send 192.0.2.2:31337 0"),
        (1473, 0x4000, "reject tooBig tooBig(mtu: 1472)"),
        (1473, 0, "split 192.0.2.2 1472"),
    ])
    func holdsTheSizeAgainstThePath(length: Int, flags: UInt16, expected: String) {
        let packet = TestPacket.v4(
            from: "10.220.106.8", to: "10.239.113.9", flagsAndOffset: flags,
            payload: TestPacket.udp(to: 53, length: length - 20))
        #expect(verdict(packet) == expected)
    }

    /// A path of 1300 leaves 1252 over IPv6: less than the 1280 that IPv6 needs, so the outer datagram is fragmented.
    @Test func fragmentsTheOuterDatagramBelowTheFloor() {
        let fitting = TestPacket.v6(
            from: "fd53::1:10", to: "fd53::3:10", payload: TestPacket.udp(to: 53, length: 1212))
        #expect(verdict(fitting) == "send 2001:db8::3:4000 0")
        let floor = TestPacket.v6(from: "fd53::1:10", to: "fd53::3:10", payload: TestPacket.udp(to: 53, length: 1240))
        #expect(verdict(floor) == "send 2001:db8::3:4000 0 fragment")
        let above = TestPacket.v6(from: "fd53::1:10", to: "fd53::3:10", payload: TestPacket.udp(to: 53, length: 1241))
        #expect(verdict(above) == "reject tooBig tooBig(mtu: 1280)")
    }

    /// A framing header takes its eight bytes from what fits, and nothing from the smallest MTU that is promised.
    @Test(arguments: [
        ("10.220.106.8", "10.239.113.9", 1464, "send 192.0.2.2:31337 0"),
        ("10.220.106.8", "10.239.113.9", 1465, "split 192.0.2.2 1464"),
        ("fd53::1:10", "fd53::2:10", 1464, "send 192.0.2.2:31337 0"),
        ("fd53::1:10", "fd53::2:10", 1465, "reject tooBig tooBig(mtu: 1464)"),
        ("fd53::1:10", "fd53::3:10", 1244, "send 2001:db8::3:4000 0"),
        ("fd53::1:10", "fd53::3:10", 1245, "send 2001:db8::3:4000 0 fragment"),
        ("fd53::1:10", "fd53::3:10", 1280, "send 2001:db8::3:4000 0 fragment"),
        ("fd53::1:10", "fd53::3:10", 1281, "reject tooBig tooBig(mtu: 1280)"),
    ])
    func leavesRoomForTheFramingHeader(source: String, destination: String, length: Int, expected: String) {
        let packet =
            source.contains(":")
            ? TestPacket.v6(from: source, to: destination, payload: TestPacket.udp(to: 53, length: length - 40))
            : TestPacket.v4(from: source, to: destination, payload: TestPacket.udp(to: 53, length: length - 20))
        #expect(verdict(packet, framing: FramingHeader.length) == expected)
    }

    @Test func learnsANarrowerPathForOneAddressOnly() {
        let table = ForwardingTable.make(TestPlan.plan)
        #expect(table.path(to: key("192.0.2.2"))?.learn(1400, now: 5) == true)
        #expect(table.path(to: key("192.0.2.2"))?.learn(1400, now: 6) == false)
        #expect(table.path(to: key("192.0.2.2"))?.mtu(now: 6) == 1400)
        #expect(table.path(to: key("192.0.2.2"))?.mtu(now: 6 + PathState.lifetime) == 1500)
        #expect(table.path(to: key("2001:db8::3"))?.mtu(now: 6) == 1300)
        #expect(table.path(to: key("192.0.2.99")) == nil)
    }
}
