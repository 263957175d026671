import Addressing
import Overlay
import Testing

@testable import PacketPath

/// Super-packets of UDP that a kernel sender passes on uncut: for the socket, one datagram with the length of its parts.
@Suite struct UncutTests {
    /// From the peer "b" to a pod of this node, with `payload` bytes.
    private static func packet(
        _ family: IPFamily, payload: Int, protocol number: UInt8 = 17, partialChecksum: Bool = true
    ) throws -> TestPacket {
        let udp = TestPacket.udp(to: 53, length: 8 + payload)
        let packet =
            family == .v4
            ? TestPacket.v4(from: "10.239.113.9", to: "10.220.106.8", protocol: number, payload: udp)
            : TestPacket.v6(from: "fd53::2:10", to: "fd53::1:10", next: number, payload: udp)
        guard partialChecksum, number == 17 else { return packet }
        let transport = try #require(InnerPacket(packet.view).flatMap { TransportHeader($0) })
        let sum = transport.pseudoHeader(of: packet.view, family, transportLength: 8 + payload)
        packet.view.store(sum, at: transport.start + transport.checksumOffset)
        return packet
    }

    private static func totals(
        of packet: TestPacket, parts: Int, from source: String = "192.0.2.2", _ options: TunOptions = TunOptions()
    ) throws -> CounterTotals {
        var rehearsal = try Rehearsal(TestPlan.plan, options)
        var bytes = packet.bytes
        unsafe bytes.withUnsafeMutableBytes {
            unsafe rehearsal.receive($0, each: $0.count, datagramLength: parts, from: key(source))
        }
        return rehearsal.totals
    }

    @Test(arguments: [IPFamily.v4, .v6])
    func isDeliveredWithTheLengthOfItsParts(family: IPFamily) throws {
        let headers = family == .v4 ? 28 : 48
        let packet = try Self.packet(family, payload: 5001)
        let totals = try Self.totals(of: packet, parts: 1200)
        #expect(totals[.receivedPackets] == 5 && totals[.receivedBytes] == UInt64(5001 + 5 * headers))
        #expect(totals[.mergedDeliveries] == 1)
        // Also where it is not longer than a device receives.
        #expect(try Self.totals(of: Self.packet(family, payload: 900), parts: 300)[.receivedPackets] == 3)
    }

    @Test func framedOrNot() throws {
        let bytes: [UInt8] = [0x0c, 0, 0, 1, 0, 0, 0x57, 0]
        let packet = TestPacket(try bytes + Self.packet(.v4, payload: 5001).bytes)
        #expect(try Self.totals(of: packet, parts: 1200, TunOptions(framing: .gpe))[.receivedPackets] == 5)
    }

    @Test func sourceIsCheckedAsOfAnyOther() throws {
        let totals = try Self.totals(of: Self.packet(.v4, payload: 5001), parts: 1200, from: "203.0.113.1")
        #expect(totals[.spoofedSource] == 1 && totals[.receivedPackets] == 0)
    }

    /// Its checksum would cover a part less than the parts need, and completing it would bless whatever came.
    @Test func completeChecksumIsRefused() throws {
        let totals = try Self.totals(of: Self.packet(.v4, payload: 5001, partialChecksum: false), parts: 1200)
        #expect(totals[.malformed] == 1 && totals[.receivedPackets] == 0)
    }

    @Test func otherProtocolsHaveNoParts() throws {
        let totals = try Self.totals(of: Self.packet(.v4, payload: 500, protocol: 253), parts: 100)
        #expect(totals[.receivedPackets] == 1 && totals[.mergedDeliveries] == 0)
    }
}
