import Addressing
import Testing

@testable import PacketPath

@Suite struct PacketTests {
    /// RFC 1071 section 3.
    @Test func sumsAsInRFC1071() {
        let packet = TestPacket([0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7])
        var checksum = Checksum()
        checksum.add(packet.view)
        #expect(checksum.value == ~0xddf2)
        let oneByte = TestPacket([0xff])
        var odd = Checksum()
        odd.add(oneByte.view)
        #expect(odd.value == 0x00ff)
    }

    @Test func updatesChecksumsInPlace() {
        for change in stride(from: UInt16(0), through: 0xff00, by: 0x0101) {
            let packet = TestPacket.v4(from: "10.0.0.1", to: "10.0.0.2", trafficClass: 0x11)
            InnerPacket(packet.view)?.setTrafficClass(UInt8(change >> 8))
            var checksum = Checksum()
            checksum.add(packet.view)
            #expect(checksum.value == 0)
        }
    }

    @Test func answersInICMPv4() throws {
        let packet = TestPacket.v4(
            from: "10.220.106.8", to: "10.250.0.9", flagsAndOffset: 0x4000,
            payload: TestPacket.udp(to: 53, length: 1400))
        let inner = try #require(InnerPacket(packet.view))
        let buffer = TestPacket.room(1280)
        let length = try #require(
            ICMPError.write(.tooBig(mtu: 1472), about: inner, from: key("10.220.106.1"), into: buffer.view))
        #expect(length == 576)
        let answer = buffer.view.prefix(length)
        let parsed = try #require(InnerPacket(answer))
        #expect(parsed.source == key("10.220.106.1") && parsed.destination == key("10.220.106.8"))
        #expect(answer[20] == 3 && answer[21] == 4 && answer.load(UInt16.self, at: 26) == 1472)
        var header = Checksum()
        header.add(answer.prefix(20))
        var message = Checksum()
        message.add(answer.suffix(from: 20))
        #expect(header.value == 0 && message.value == 0)
        #expect((28..<576).allSatisfy { answer[$0] == packet.view[$0 - 28] })
    }

    @Test func answersInICMPv6() throws {
        let packet = TestPacket.v6(
            from: "fd53::1:10", to: "fd53::9:10", payload: TestPacket.udp(to: 53, length: 1400))
        let inner = try #require(InnerPacket(packet.view))
        let buffer = TestPacket.room(1280)
        let length = try #require(
            ICMPError.write(.tooBig(mtu: 1280), about: inner, from: key("fd53::1:1"), into: buffer.view))
        #expect(length == 1280)
        let answer = buffer.view.prefix(length)
        #expect(InnerPacket(answer)?.destination == key("fd53::1:10"))
        #expect(answer[40] == 2 && answer[41] == 0 && answer.load(UInt32.self, at: 44) == 1280)
        var message = Checksum()
        message.add(answer.suffix(from: 8).prefix(32))
        message.add(UInt32(length - 40))
        message.add(58)
        message.add(answer.suffix(from: 40))
        #expect(message.value == 0)
    }

    @Test(arguments: [
        (ICMPError.Reason.noRoute, UInt8(0), UInt8(0)), (.hostUnreachable, 1, 3),
    ])
    func namesTheReason(reason: ICMPError.Reason, codeV4: UInt8, codeV6: UInt8) throws {
        let buffer = TestPacket.room(1280)
        let packetV4 = TestPacket.v4(from: "10.0.0.1", to: "10.0.0.2")
        let v4 = try #require(InnerPacket(packetV4.view))
        _ = ICMPError.write(reason, about: v4, from: key("10.0.0.9"), into: buffer.view)
        #expect(buffer.view[20] == 3 && buffer.view[21] == codeV4)
        let packetV6 = TestPacket.v6(from: "fd53::1", to: "fd53::2")
        let v6 = try #require(InnerPacket(packetV6.view))
        _ = ICMPError.write(reason, about: v6, from: key("fd53::9"), into: buffer.view)
        #expect(buffer.view[40] == 1 && buffer.view[41] == codeV6)
    }

    /// RFC 1122 section 3.2.2, RFC 4443 section 2.4 (e).
    @Test func staysSilentWhereItMust() throws {
        let silent = [
            TestPacket.v4(from: "10.0.0.1", to: "10.0.0.2", protocol: 1, payload: [3, 1, 0, 0, 0, 0, 0, 0]),
            TestPacket.v4(from: "10.0.0.1", to: "10.0.0.2", protocol: 1),
            TestPacket.v4(from: "10.0.0.1", to: "10.0.0.2", flagsAndOffset: 5),
            TestPacket.v4(from: "0.0.0.0", to: "10.0.0.2"),
            TestPacket.v4(from: "224.0.0.1", to: "10.0.0.2"),
            TestPacket.v6(from: "fd53::1", to: "fd53::2", next: 58, payload: [1, 0, 0, 0]),
            // Behind hop-by-hop options and a first fragment's header; a later fragment; a torn header.
            TestPacket.v6(
                from: "fd53::1", to: "fd53::2", next: 0,
                payload: [44, 0, 1, 4, 0, 0, 0, 0] + [58, 0, 0, 1, 0, 0, 0, 9] + [1, 0, 0, 0]),
            TestPacket.v6(from: "fd53::1", to: "fd53::2", next: 44, payload: [58, 0, 0, 9, 0, 0, 0, 9, 128, 0]),
            TestPacket.v6(from: "fd53::1", to: "fd53::2", next: 60, payload: [58, 0, 1]),
            TestPacket.v6(from: "fd53::1", to: "fd53::2", next: 43, payload: [58, 9, 0, 0, 0, 0, 0, 0]),
            TestPacket.v6(
                from: "fd53::1", to: "fd53::2", next: 51, payload: [58, 1] + [UInt8](repeating: 0, count: 10) + [3, 0]),
            TestPacket.v6(from: "ff02::1", to: "fd53::2"),
            TestPacket.v6(from: "::", to: "fd53::2"),
        ]
        let buffer = TestPacket.room(1280)
        for packet in silent {
            let inner = try #require(InnerPacket(packet.view))
            #expect(ICMPError.write(.noRoute, about: inner, from: key("10.0.0.9"), into: buffer.view) == nil)
        }
        let echo = TestPacket.v4(from: "10.0.0.1", to: "10.0.0.2", protocol: 1, payload: [8, 0, 0, 0])
        let inner = try #require(InnerPacket(echo.view))
        #expect(ICMPError.write(.noRoute, about: inner, from: key("10.0.0.9"), into: buffer.view) != nil)
    }

    @Test(arguments: [0, 8]) func splitsAndKeepsEveryByte(optionBytes: Int) throws {
        // A record-route option, for the first fragment alone, and a padded copied one.
        let options: [UInt8] = optionBytes == 0 ? [] : [7, 3, 4, 0x94, 4, 0, 0, 0]
        let payload = (0..<3001).map { UInt8(truncatingIfNeeded: $0 * 7) }
        let packet = TestPacket.v4(from: "10.0.0.1", to: "10.0.0.2", options: options, payload: payload)
        let inner = try #require(InnerPacket(packet.view))
        let buffer = TestPacket.room(2000)
        var rebuilt = [UInt8](repeating: 0, count: payload.count)
        var last = 0
        let isSplit = Fragmenter.split(inner, mtu: 1300, buffer: buffer.view) { fragment in
            #expect(fragment.count <= 1300)
            let parsed = InnerPacket(fragment)
            #expect(parsed != nil)
            let header = 20 + options.count
            var checksum = Checksum()
            checksum.add(fragment.prefix(header))
            #expect(checksum.value == 0)
            let word = fragment.load(UInt16.self, at: 6)
            let offset = Int(word & 0x1fff) * 8
            for index in header..<fragment.count { rebuilt[offset + index - header] = fragment[index] }
            if word & 0x2000 == 0 { last += 1 }
            if !options.isEmpty { #expect(fragment[20] == (offset == 0 ? 7 : 1) && fragment[23] == 0x94) }
        }
        #expect(isSplit && rebuilt == payload && last == 1)
    }

    /// The last byte of a packet is at 65535 at most.
    @Test func refusesToSplitWhatReachesBeyondTheLongestPacket() throws {
        let buffer = TestPacket.room(2000)
        for (offset, isGood) in [(UInt16(7940), true), (8000, false), (0x1fff, false)] {
            let packet = TestPacket.v4(
                from: "10.0.0.1", to: "10.0.0.2", flagsAndOffset: offset, payload: [UInt8](repeating: 1, count: 1600))
            let inner = try #require(InnerPacket(packet.view))
            var count = 0
            #expect(Fragmenter.split(inner, mtu: 1300, buffer: buffer.view) { _ in count += 1 } == isGood)
            #expect(count == (isGood ? 2 : 0))
        }
    }

    @Test func findsWhatASlowModelFinds() {
        let seed = UInt64.random(in: 0 ... .max)
        var random = SplitMix64(seed: seed)
        for _ in 0..<30 {
            var entries: [(prefix: IPPrefix, value: Int32)] = []
            for value in 0..<Int32(1 + random.next() % 60) {
                let isV4 = random.next() % 2 == 0
                let bits =
                    isV4 ? UInt128(0x0a00_0000 | random.next() & 0x00ff_00ff) : UInt128(random.next() % 64) << 100
                let length = Int(random.next() % (isV4 ? 33 : 129))
                if let found = IPPrefix(IPAddress(family: isV4 ? .v4 : .v6, bits: bits), length: length)?.network {
                    if !entries.contains(where: { $0.prefix == found }) { entries.append((found, value)) }
                }
            }
            let table = PrefixTable(entries, seed: 1)
            for _ in 0..<300 {
                let isV4 = random.next() % 2 == 0
                let bits =
                    isV4 ? UInt128(0x0a00_0000 | random.next() & 0x00ff_00ff) : UInt128(random.next() % 64) << 100
                let address = IPAddress(family: isV4 ? .v4 : .v6, bits: bits)
                let slow = entries.filter { $0.prefix.contains(address) }.max { $0.prefix.length < $1.prefix.length }
                #expect(table.find(AddressKey(address)) == Int(slow?.value ?? -1), "seed \(seed)")
            }
        }
    }

    @Test func limitsItsRate() {
        var limit = RateLimit(rate: 10, burst: 5)
        #expect((0..<10).filter { _ in limit.allow(now: 1_000_000_000_000) }.count == 5)
        #expect((0..<10).filter { _ in limit.allow(now: 1_000_200_000_000) }.count == 2)
        #expect((0..<10).filter { _ in limit.allow(now: 1_900_000_000_000) }.count == 5)
    }
}
