import Addressing
import Testing

@testable import PacketPath

@Suite struct InboundTests {
    private func verdict(_ packet: TestPacket, from outer: String = "192.0.2.2", outerClass: UInt8 = 0) -> String {
        guard let inner = InnerPacket(packet.view) else { return "drop \(Inbound.refusal(of: packet.view))" }
        return switch Inbound.decide(inner, from: key(outer), outerClass: outerClass, TestPlan.table) {
        case .deliver: "deliver"
        case .drop(let reason): "drop \(reason)"
        }
    }

    @Test(arguments: [
        ("10.239.113.9", "10.220.106.8", "192.0.2.2", "deliver"),
        ("fd53::2:10", "fd53::1:10", "192.0.2.2", "deliver"),
        ("10.240.0.9", "10.220.106.8", "2001:db8::3", "deliver"),
        // Behind the peer, and the peer itself.
        ("10.99.1.1", "10.220.106.8", "192.0.2.2", "deliver"),
        ("192.0.2.2", "10.220.106.8", "192.0.2.2", "deliver"),
        // A node inside of the network behind another one.
        ("198.51.100.7", "10.220.106.8", "2001:db8::3", "deliver"),
        ("198.51.100.8", "10.220.106.8", "192.0.2.2", "deliver"),
        ("198.51.100.7", "10.220.106.8", "192.0.2.2", "drop spoofedSource"),
        // This node's own offer to its peers.
        ("10.239.113.9", "172.16.3.3", "192.0.2.2", "deliver"),
        // A peer without an endpoint is checked loosely.
        ("10.241.0.9", "10.220.106.8", "203.0.113.1", "deliver"),
        ("10.239.113.9", "10.220.106.8", "203.0.113.1", "drop spoofedSource"),
        ("10.239.113.9", "10.220.106.8", "2001:db8::3", "drop spoofedSource"),
        ("192.0.2.2", "10.220.106.8", "203.0.113.1", "drop spoofedSource"),
        ("10.250.0.9", "10.220.106.8", "192.0.2.2", "drop unknownSource"),
        ("10.220.106.9", "10.220.106.8", "192.0.2.2", "drop ownSource"),
        ("10.239.113.9", "10.239.113.10", "192.0.2.2", "drop notForUs"),
        ("10.239.113.9", "8.8.8.8", "192.0.2.2", "drop notForUs"),
        ("127.0.0.1", "10.220.106.8", "192.0.2.2", "drop martian"),
        ("0.0.0.0", "10.220.106.8", "192.0.2.2", "drop martian"),
        ("224.0.0.5", "10.220.106.8", "192.0.2.2", "drop martian"),
        ("255.255.255.255", "10.220.106.8", "192.0.2.2", "drop martian"),
        ("169.254.1.1", "10.220.106.8", "192.0.2.2", "drop martian"),
        ("10.239.113.9", "224.0.0.1", "192.0.2.2", "drop martian"),
        ("10.239.113.9", "127.0.0.1", "192.0.2.2", "drop martian"),
        ("::1", "fd53::1:10", "192.0.2.2", "drop martian"),
        ("::", "fd53::1:10", "192.0.2.2", "drop martian"),
        ("ff02::1", "fd53::1:10", "192.0.2.2", "drop martian"),
        ("fe80::1", "fd53::1:10", "192.0.2.2", "drop martian"),
        ("::ffff:10.239.113.9", "fd53::1:10", "192.0.2.2", "drop martian"),
    ])
    func checksAddresses(source: String, destination: String, outer: String, expected: String) {
        let packet =
            source.contains(":")
            ? TestPacket.v6(from: source, to: destination) : TestPacket.v4(from: source, to: destination)
        #expect(verdict(packet, from: outer) == expected)
    }

    @Test(
        arguments: [
            ([], "drop unknownFormat"),
            ([0x57], "drop control"),
            ([0x57, 1, 2, 3], "drop control"),
            ([1, 0, 0, 0], "drop encrypted"),
            ([4, 0, 0, 0, 9], "drop encrypted"),
            ([1, 0, 0], "drop unknownFormat"),
            ([1, 0, 0, 1], "drop unknownFormat"),
            ([5, 0, 0, 0], "drop unknownFormat"),
            ([0x0c, 0, 0, 1, 0, 0, 0x57, 0], "drop otherFraming"),
            ([0x0c, 1, 0, 1], "drop unknownFormat"),
            ([0xff], "drop unknownFormat"),
            ([0x45], "drop malformed"),
            ([0x60], "drop malformed"),
            ([UInt8](repeating: 0x45, count: 19), "drop malformed"),
        ] as [([UInt8], String)])
    func tellsFormatsApart(bytes: [UInt8], expected: String) {
        #expect(verdict(TestPacket(bytes)) == expected)
    }

    @Test func refusesLengthsThatContradictEachOther() {
        let good = TestPacket.v4(from: "10.239.113.9", to: "10.220.106.8", payload: TestPacket.udp(to: 53))
        #expect(verdict(good) == "deliver")
        #expect(verdict(TestPacket(good.bytes + [0])) == "drop malformed")
        #expect(verdict(TestPacket(good.bytes.dropLast())) == "drop malformed")
        var shortHeader = good.bytes
        shortHeader[0] = 0x44
        #expect(verdict(TestPacket(shortHeader)) == "drop malformed")
        var longHeader = good.bytes
        longHeader[0] = 0x4f
        #expect(verdict(TestPacket(longHeader)) == "drop malformed")
        let six = TestPacket.v6(from: "fd53::2:10", to: "fd53::1:10", payload: TestPacket.udp(to: 53))
        #expect(verdict(TestPacket(six.bytes + [0])) == "drop malformed")
        #expect(verdict(TestPacket(six.bytes.dropLast())) == "drop malformed")
    }

    /// RFC 6040, figure 4: inner, outer, result.
    @Test(
        arguments: [
            (0b00, 0b00, 0b00), (0b00, 0b01, 0b00), (0b00, 0b10, 0b00), (0b00, 0b11, nil),
            (0b10, 0b00, 0b10), (0b10, 0b01, 0b01), (0b10, 0b10, 0b10), (0b10, 0b11, 0b11),
            (0b01, 0b00, 0b01), (0b01, 0b01, 0b01), (0b01, 0b10, 0b01), (0b01, 0b11, 0b11),
            (0b11, 0b00, 0b11), (0b11, 0b01, 0b11), (0b11, 0b10, 0b11), (0b11, 0b11, 0b11),
        ] as [(UInt8, UInt8, UInt8?)])
    func followsRFC6040(inner: UInt8, outer: UInt8, result: UInt8?) {
        #expect(ECN.decapsulate(inner: inner, outer: outer) == result)
        #expect(ECN.decapsulate(inner: 0xfc | inner, outer: 0xb8 | outer) == result.map { 0xb8 | $0 })
        #expect(ECN.encapsulate(inner: 0xb8 | inner) == 0xb8 | inner)
    }

    @Test func writesTheTrafficClassInward() {
        let v4 = TestPacket.v4(from: "10.239.113.9", to: "10.220.106.8", trafficClass: 0x02)
        #expect(verdict(v4, outerClass: 0xbb) == "deliver")
        #expect(v4.view[1] == 0xbb)
        var checksum = Checksum()
        checksum.add(v4.view)
        #expect(checksum.value == 0)

        let v6 = TestPacket.v6(from: "fd53::2:10", to: "fd53::1:10", trafficClass: 0x02)
        #expect(verdict(v6, outerClass: 0xbb) == "deliver")
        #expect(InnerPacket(v6.view)?.trafficClass == 0xbb)
        #expect(v6.view[0] >> 4 == 6)

        let dropped = TestPacket.v4(from: "10.239.113.9", to: "10.220.106.8", trafficClass: 0x00)
        #expect(verdict(dropped, outerClass: 0x03) == "drop congestion")
    }

    /// Whatever arrives: no trap, and only what a peer may send is delivered.
    @Test func survivesHostilePackets() {
        let seed = UInt64.random(in: 0 ... .max)
        var random = SplitMix64(seed: seed)
        let good = [
            TestPacket.v4(from: "10.239.113.9", to: "10.220.106.8", payload: TestPacket.udp(to: 53, length: 40)).bytes,
            TestPacket.v6(from: "fd53::2:10", to: "fd53::1:10", payload: TestPacket.udp(to: 53, length: 40)).bytes,
        ]
        let scratch = TestPacket.room(70000)
        for _ in 0..<20000 {
            var bytes = good[Int(random.next() % 2)]
            switch random.next() % 3 {
            case 0: bytes = (0..<Int(random.next() % 90)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
            case 1: bytes = Array(bytes.prefix(Int(random.next() % UInt64(bytes.count + 1))))
            default: break
            }
            for _ in 0..<Int(random.next() % 4) where !bytes.isEmpty {
                bytes[Int(random.next() % UInt64(bytes.count))] = UInt8(truncatingIfNeeded: random.next())
            }
            let packet = TestPacket(bytes)
            guard let inner = InnerPacket(packet.view) else {
                _ = Inbound.refusal(of: packet.view)
                continue
            }
            if case .deliver = Inbound.decide(inner, from: key("192.0.2.2"), outerClass: 1, TestPlan.table) {
                #expect(TestPlan.table.ownSubnets.find(inner.source) < 0, "seed \(seed)")
            }
            if case .reject(_, let error) = Outbound.decide(
                inner, longest: packet.view.count, framing: 0, TestPlan.table, now: 0)
            {
                let length = ICMPError.write(error, about: inner, from: key("10.220.106.1"), into: scratch.view)
                #expect((length ?? 0) <= ICMPError.maximumLengthV6, "seed \(seed)")
            }
        }
    }
}

/// A small generator with a seed that a failing test can print (Steele, Lea, Flood 2014).
struct SplitMix64: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
        return mixed ^ mixed >> 31
    }
}
