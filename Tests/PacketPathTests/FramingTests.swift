import Addressing
import Overlay
import Testing

@testable import PacketPath

/// Datagrams of a cluster set to `framing: gpe`.
@Suite struct FramingTests {
    private static let v4: [UInt8] = [0x0c, 0, 0, 1, 0, 0, 0x57, 0]
    private static let v6: [UInt8] = [0x0c, 0, 0, 2, 0, 0, 0x57, 0]

    private static func packetV4(_ payload: [UInt8] = []) -> [UInt8] {
        TestPacket.v4(
            from: "10.239.113.9", to: "10.220.106.8", payload: TestPacket.udp(to: 53, length: 8 + payload.count)
        ).bytes
    }

    private static let packetV6 = TestPacket.v6(
        from: "fd53::2:10", to: "fd53::1:10", payload: TestPacket.udp(to: 53)
    ).bytes

    @Test func aHeaderStandsForWhatFollows() {
        for (header, packet) in [(Self.v4, Self.packetV4()), (Self.v6, Self.packetV6)] {
            let datagram = TestPacket(header + packet)
            let inner = FramingHeader.strip(datagram.view).flatMap { InnerPacket($0) }
            #expect(inner?.bytes.count == packet.count)
            let written = TestPacket.room(FramingHeader.length)
            inner.map { written.view.store(FramingHeader.value($0.family), at: 0) }
            #expect(written.bytes == header)
        }
    }

    @Test(
        arguments: [
            ([], "unknownFormat"),
            ([0x0c], "unknownFormat"),
            ([0x0c, 0, 0, 1, 0, 0, 0x57], "malformed"),
            (v4, "malformed"),
            (v4 + packetV6, "malformed"),
            (v6 + packetV4(), "malformed"),
            // One framing inside of the other, and what has none.
            (v4 + v4 + packetV4(), "malformed"),
            (v4 + [0x57, 1, 2, 3], "malformed"),
            (packetV4(), "otherFraming"),
            (packetV6, "otherFraming"),
            // Another virtual network, another protocol, flags that ask for more.
            ([0x0c, 0, 0, 1, 0, 0, 0x58, 0] + packetV4(), "unknownFormat"),
            ([0x0c, 0, 0, 3, 0, 0, 0x57, 0] + packetV4(), "unknownFormat"),
            ([0x0c, 0, 0, 1, 0, 0, 0x57, 1] + packetV4(), "unknownFormat"),
            ([0x0d, 0, 0, 1, 0, 0, 0x57, 0] + packetV4(), "unknownFormat"),
            ([0x08, 0, 0, 0, 0, 0, 0x57, 0] + packetV4(), "unknownFormat"),
            ([0, 0, 0, 0, 0, 0, 0, 0] + packetV4(), "unknownFormat"),
            ([0x57, 1, 2, 3], "control"),
            ([4, 0, 0, 0, 9], "encrypted"),
        ] as [([UInt8], String)])
    func whatHasAnotherOneIsRefusedByName(bytes: [UInt8], reason: String) {
        let datagram = TestPacket(bytes)
        #expect(FramingHeader.strip(datagram.view) == nil)
        #expect(FramingHeader.refusal(of: datagram.view).name == reason)
    }

    /// What a whole loop counts of datagrams that the kernel has joined.
    private func receive(_ datagrams: [[UInt8]], _ options: TunOptions) throws -> CounterTotals {
        var rehearsal = try Rehearsal(TestPlan.plan, options)
        var bytes = datagrams.flatMap { $0 }
        let length = bytes.count
        try unsafe bytes.withUnsafeMutableBytes {
            let length = try #require(datagrams.first).count
            unsafe rehearsal.receive($0, each: $0.count, datagramLength: length, from: key("192.0.2.2"))
        }
        #expect(length > 0)
        return rehearsal.totals
    }

    @Test func eachJoinedDatagramHasAHeader() throws {
        let first = Self.v4 + Self.packetV4()
        let totals = try receive([first, first, first], TunOptions(framing: .gpe))
        #expect(totals[.receivedPackets] == 3 && totals[.receivedBytes] == 3 * 28)
        // One that lacks it is no part of the others' run.
        let broken = [UInt8](repeating: 0xff, count: 8) + Self.packetV4()
        let rest = try receive([first, broken, first], TunOptions(framing: .gpe))
        #expect(rest[.receivedPackets] == 2 && rest[.unknownFormat] == 1)
    }

    @Test func eachFramingDropsTheOther() throws {
        let framed = Self.v4 + Self.packetV4()
        #expect(try receive([framed], TunOptions())[.otherFraming] == 1)
        #expect(try receive([Self.packetV4()], TunOptions(framing: .gpe))[.otherFraming] == 1)
    }
}
