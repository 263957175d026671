import Addressing
import Testing

@testable import PacketPath

/// Cutting super-packets, and joining segments again: what went in comes out, with checksums that a receiver accepts.
@Suite struct SuperPacketTests {
    /// A super-packet as the kernel hands it over: lengths of the whole, the pseudo-header's sum as its checksum.
    private static func superPacket(
        _ family: IPFamily, udp: Bool, payload: Int, segmentSize: Int, flags: UInt8 = 0x10, options: Int = 12
    ) -> (packet: TestPacket, header: VirtualHeader) {
        let data = (0..<payload).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
        let transport: [UInt8]
        if udp {
            transport = TestPacket.word(4000) + TestPacket.word(53) + TestPacket.word(UInt16(8 + payload)) + [0, 0]
        } else {
            transport =
                TestPacket.word(4000) + TestPacket.word(80) + [0xff, 0xff, 0xf0, 0x00] + [0, 0, 0, 9]
                + [UInt8((20 + options) / 4) << 4, flags] + TestPacket.word(500) + [0, 0, 0, 0]
                + (0..<options).map { _ in 1 }
        }
        let number: UInt8 = udp ? 17 : 6
        let packet =
            family == .v4
            ? TestPacket.v4(
                from: "10.220.106.8", to: "10.239.113.9", protocol: number, flagsAndOffset: 0x4000,
                payload: transport + data)
            : TestPacket.v6(from: "fd53::1:10", to: "fd53::2:10", next: number, payload: transport + data)
        let start = family == .v4 ? 20 : 40
        guard let inner = InnerPacket(packet.view), let parsed = TransportHeader(inner) else {
            fatalError("the test's own packet is malformed")
        }
        let header = Offload.mark(
            packet.view, parsed, family, length: packet.view.count, segmentSize: segmentSize)
        #expect(parsed.start == start)
        return (packet, header)
    }

    private static func run(_ packet: PacketView) -> SegmentRun? {
        InnerPacket(packet).flatMap { SegmentRun($0, receivedClass: 0) }
    }

    private static func describe(_ packet: TestPacket, limit: Int) -> VirtualHeader? {
        InnerPacket(packet.view).flatMap { Offload.describe($0, limit: limit) }
    }

    /// All segments, each whole.
    private static func segments(
        _ packet: TestPacket, _ header: VirtualHeader, completesChecksum: Bool = true
    ) -> [TestPacket] {
        guard let inner = InnerPacket(packet.view), let whole = SuperPacket(inner, header) else { return [] }
        return (0..<whole.segmentCount).map { index in
            let room = TestPacket.room(SuperPacket.longestHeader)
            let payload = whole.payload(index)
            let head = whole.writeHeader(index, payload, to: room.view, completesChecksum: completesChecksum)
            return TestPacket((0..<head.count).map { head[$0] } + (0..<payload.count).map { payload[$0] })
        }
    }

    /// The sum over pseudo-header, transport header and payload, as a receiver computes it; 0 where it is correct.
    private static func transportChecksum(_ packet: TestPacket) -> UInt16? {
        guard let inner = InnerPacket(packet.view), let transport = TransportHeader(inner) else { return nil }
        var sum = Checksum()
        let length = packet.view.count - transport.start
        sum.add(UInt32(transport.pseudoHeader(of: packet.view, inner.family, transportLength: length)))
        sum.add(packet.view.suffix(from: transport.start))
        return sum.value
    }

    @Test(arguments: [IPFamily.v4, .v6], [false, true])
    func cutsIntoWhatAReceiverAccepts(family: IPFamily, udp: Bool) {
        let (packet, header) = Self.superPacket(family, udp: udp, payload: 5001, segmentSize: 1400, flags: 0x19)
        let segments = Self.segments(packet, header)
        #expect(segments.count == 4)
        var payload: [UInt8] = []
        for (index, segment) in segments.enumerated() {
            guard let inner = InnerPacket(segment.view), let transport = TransportHeader(inner) else {
                Issue.record("segment \(index) is malformed")
                continue
            }
            #expect(Self.transportChecksum(segment) == 0)
            payload += segment.bytes[transport.payloadStart...]
            if family == .v4 {
                #expect(segment.view.prefix(20).sum == 0xffff)
                #expect(segment.view.load(UInt16.self, at: 4) == 0x1234 + UInt16(index))
            }
            guard !udp else { continue }
            #expect(segment.view.load(UInt32.self, at: transport.start + 4) == 0xffff_f000 &+ UInt32(1400 * index))
            // "Push" and "finished" belong to the last byte alone.
            #expect(segment.view[transport.start + 13] == (index == 3 ? 0x19 : 0x10))
        }
        #expect(payload == Array(packet.bytes.suffix(5001)))
    }

    @Test func tellsOfTheReducedWindowOnce() {
        let (packet, header) = Self.superPacket(.v4, udp: false, payload: 3000, segmentSize: 1000, flags: 0xd0)
        #expect(Self.segments(packet, header).map { $0.view[33] } == [0xd0, 0x50, 0x50])
    }

    /// What stays partial is what the receiver completes: the pseudo-header of each segment.
    @Test(arguments: [IPFamily.v4, .v6], [false, true])
    func leavesChecksumsToTheReceiver(family: IPFamily, udp: Bool) {
        let (packet, header) = Self.superPacket(family, udp: udp, payload: 3100, segmentSize: 1400)
        for segment in Self.segments(packet, header, completesChecksum: false) {
            guard let inner = InnerPacket(segment.view), let transport = TransportHeader(inner) else {
                Issue.record("malformed")
                continue
            }
            #expect(transport.hasPartialChecksum(inner))
            let description = Offload.describe(inner, limit: 65535)
            #expect(description?.partialChecksum?.start == transport.start)
            let field = transport.start + transport.checksumOffset
            #expect(Offload.completeChecksum(segment.view, start: transport.start, field: field))
            #expect(Self.transportChecksum(segment) == 0)
        }
    }

    @Test(arguments: [IPFamily.v4, .v6], [false, true])
    func joinsWhatWasCut(family: IPFamily, udp: Bool) throws {
        let (packet, header) = Self.superPacket(family, udp: udp, payload: 9_000, segmentSize: 1400, flags: 0x18)
        let segments = Self.segments(packet, header)
        let first = try #require(InnerPacket(segments[0].view))
        var run = try #require(SegmentRun(first, receivedClass: 0))
        var payload = Array(segments[0].bytes[(first.bytes.count - 1400)...])
        for segment in segments.dropFirst() {
            let joined = run.add(segment.view)
            let added = try #require(joined)
            payload += (0..<added.count).map { added[$0] }
        }
        #expect(run.count == 7 && run.length == packet.view.count)
        #expect(run.bytes == segments.reduce(0) { $0 + $1.view.count })
        let description = run.finish()
        #expect(description.segmentSize == 1400 && description.isSegmented)
        let headerLength = packet.view.count - 9_000
        #expect(Array(segments[0].bytes.prefix(headerLength)) == Array(packet.bytes.prefix(headerLength)))
        #expect(payload == Array(packet.bytes.suffix(9_000)))
    }

    /// Whatever differs between two packets of a flow must not be lost by joining them.
    @Test(arguments: [
        (1, UInt8(0x04), "traffic class"), (6, 0x00, "may be fragmented"), (8, 9, "hop limit"), (12, 11, "source"),
        (19, 10, "destination"), (21, 1, "source port"), (27, 1, "sequence"), (31, 1, "acknowledgement"),
        (33, 0x11, "finished"), (33, 0x12, "synchronise"), (33, 0x90, "reduced window"), (35, 1, "window"),
        (45, 9, "options"),
    ])
    func joinsNothingElse(offset: Int, value: UInt8, what: String) throws {
        let (packet, header) = Self.superPacket(.v4, udp: false, payload: 2800, segmentSize: 1400)
        let segments = Self.segments(packet, header)
        var run = try #require(Self.run(segments[0].view))
        let changed = TestPacket(segments[1].bytes)
        changed.view[offset] = value
        let isJoined = run.add(changed.view) != nil
        #expect(!isJoined, "\(what)")
        #expect(run.count == 1)
        let isUnchangedJoined = run.add(segments[1].view) != nil
        #expect(isUnchangedJoined)
    }

    @Test func beginsNoRunWithWhatStandsAlone() throws {
        for flags: UInt8 in [0x02, 0x11, 0x14, 0x30, 0x90] {
            let (packet, _) = Self.superPacket(.v4, udp: false, payload: 100, segmentSize: 1400, flags: flags)
            #expect(Self.run(packet.view) == nil, "flags \(flags)")
        }
        let (empty, _) = Self.superPacket(.v4, udp: false, payload: 0, segmentSize: 1400)
        #expect(Self.run(empty.view) == nil)
        let fragment = TestPacket.v4(
            from: "10.220.106.8", to: "10.239.113.9", flagsAndOffset: 0x2000,
            payload: TestPacket.udp(to: 53, length: 90))
        #expect(Self.run(fragment.view) == nil)
        let unprotected = TestPacket.v4(
            from: "10.220.106.8", to: "10.239.113.9", payload: TestPacket.udp(to: 53, length: 90))
        #expect(Self.run(unprotected.view) == nil)
    }

    /// A short segment ends a run, and so does "push".
    @Test func endsARun() throws {
        let (packet, header) = Self.superPacket(.v4, udp: true, payload: 1500, segmentSize: 1000)
        let segments = Self.segments(packet, header)
        var run = try #require(Self.run(segments[0].view))
        let isShortJoined = run.add(segments[1].view) != nil
        let isNextJoined = run.add(segments[0].view) != nil
        #expect(isShortJoined && !isNextJoined)
        let (pushed, _) = Self.superPacket(.v4, udp: false, payload: 100, segmentSize: 100, flags: 0x18)
        var last = try #require(Self.run(pushed.view))
        let isJoined = last.add(pushed.view) != nil
        #expect(!isJoined)
    }

    /// Kernels let super-packets pass uncut over virtual wires: TCP is cut here, UDP cannot be.
    @Test func describesWhatIsLongerThanThePath() throws {
        let (tcp, _) = Self.superPacket(.v4, udp: false, payload: 20_000, segmentSize: 1400)
        let cut = try #require(Self.describe(tcp, limit: 1472))
        #expect(cut.segmentSize == 1280 - 52 && cut.isSegmented)
        #expect(Self.segments(tcp, cut).allSatisfy { Self.transportChecksum($0) == 0 && $0.view.count <= 1280 })
        let (udp, _) = Self.superPacket(.v6, udp: true, payload: 20_000, segmentSize: 1400)
        #expect(Self.describe(udp, limit: 1472) == nil)
        #expect(Self.describe(udp, limit: 65535) != nil)
    }

    @Test func refusesDescriptionsThatDoNotFit() throws {
        let (packet, header) = Self.superPacket(.v4, udp: false, payload: 100, segmentSize: 50)
        let inner = try #require(InnerPacket(packet.view))
        #expect(SuperPacket(inner, header) != nil)
        #expect(SuperPacket(inner, .plain) == nil)
        #expect(SuperPacket(inner, VirtualHeader(partialChecksumFrom: 20, at: 16)) == nil)
        for (kind, size, start, offset) in [
            (VirtualHeader.Segmentation.tcpV6, 50, 20, 16), (.tcpV4, 0, 20, 16), (.tcpV4, 50, 140, 16),
            (.tcpV4, 50, 65535, 16), (.tcpV4, 50, 20, 65535), (.tcpV4, 50, 0, 16), (.udp, 50, 170, 6),
        ] {
            let wrong = VirtualHeader(
                kind, headerLength: 52, segmentSize: size, checksumFrom: start, at: offset)
            #expect(SuperPacket(inner, wrong) == nil, "\(kind) \(size) \(start) \(offset)")
        }
        #expect(!Offload.completeChecksum(packet.view, start: 20, field: packet.view.count - 1))
        #expect(!Offload.completeChecksum(packet.view, start: 30, field: 20))
    }

    @Test func virtualHeadersSurviveTheirBytes() {
        let room = TestPacket.room(VirtualHeader.size)
        let header = VirtualHeader(.udp, headerLength: 28, segmentSize: 1200, checksumFrom: 20, at: 6)
        header.write(to: room.view)
        let read = VirtualHeader(reading: room.view)
        #expect(read.isSegmented && read.segmentSize == 1200 && read.segmentation == .udp)
        #expect(read.partialChecksum?.start == 20 && read.partialChecksum?.field == 26)
        #expect(VirtualHeader.size == 10)
    }

    /// The fast sum against the definition, for every length and for carries.
    @Test func sumsAsTheDefinitionDoes() {
        for length in 0..<70 {
            for fill in [0, 1, 0xff] {
                let bytes = (0..<length).map { UInt8(truncatingIfNeeded: fill == 1 ? $0 &* 37 : fill) }
                var sum = 0
                for (index, byte) in bytes.enumerated() { sum += Int(byte) << (index % 2 == 0 ? 8 : 0) }
                while sum > 0xffff { sum = sum >> 16 + sum & 0xffff }
                let packet = TestPacket(bytes)
                withExtendedLifetime(packet) {
                    #expect(Int(packet.view.sum) == sum, "length \(length) fill \(fill)")
                }
            }
        }
    }
}
