import Addressing
import Testing

@testable import PacketPath

@Suite struct EchoRequestTests {
    @Test(arguments: [("10.239.113.1", "10.220.106.1", UInt8(8)), ("fd53::2:1", "fd53::1:1", UInt8(128))])
    func isWhatItsReceiverAccepts(source: String, destination: String, type: UInt8) throws {
        let room = TestPacket.room(EchoRequest.longest)
        let packet = EchoRequest.write(from: key(source), to: key(destination), into: room.view)
        let inner = try #require(InnerPacket(packet))
        #expect(inner.source == key(source) && inner.destination == key(destination))
        let start = inner.headerLength
        #expect(packet.count == start + 8 && packet[start] == type && packet[start + 1] == 0)
        var sum = Checksum()
        if inner.family == .v4 {
            #expect(inner.nextHeader == InnerPacket.icmp)
            var header = Checksum()
            header.add(packet.prefix(start))
            #expect(header.value == 0)
        } else {
            #expect(inner.nextHeader == InnerPacket.icmpV6)
            sum.add(packet.prefix(start).suffix(from: 8))
            sum.add(UInt32(8))
            sum.add(UInt32(InnerPacket.icmpV6))
        }
        sum.add(packet.suffix(from: start))
        #expect(sum.value == 0)
    }
}
