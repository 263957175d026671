import Addressing

@testable import PacketPath

/// A packet in memory of its own, with builders for headers.
@safe
final class TestPacket {
    private let memory: UnsafeMutableRawPointer
    let view: PacketView
    var bytes: [UInt8] { (0..<view.count).map { view[$0] } }

    init(_ bytes: [UInt8]) {
        // Sound: the view lives no longer than this object, which frees the memory.
        unsafe memory = .allocate(byteCount: max(bytes.count, 1), alignment: 16)
        view = unsafe PacketView(memory, count: bytes.count)
        for (index, byte) in bytes.enumerated() { view[index] = byte }
    }

    deinit {
        unsafe memory.deallocate()
    }

    static func room(_ count: Int) -> TestPacket { TestPacket([UInt8](repeating: 0xaa, count: count)) }

    /// An IPv4 packet with a correct header checksum.
    static func v4(
        from source: String, to destination: String, trafficClass: UInt8 = 0, protocol number: UInt8 = 17,
        flagsAndOffset: UInt16 = 0, options: [UInt8] = [], payload: [UInt8] = []
    ) -> TestPacket {
        var bytes: [UInt8] = [0x45 + UInt8(options.count / 4), trafficClass]
        bytes += word(UInt16(20 + options.count + payload.count)) + word(0x1234) + word(flagsAndOffset)
        bytes += [64, number, 0, 0] + address(source) + address(destination) + options + payload
        let packet = TestPacket(bytes)
        var checksum = Checksum()
        checksum.add(packet.view.prefix(20 + options.count))
        packet.view.store(checksum.value, at: 10)
        return packet
    }

    static func v6(
        from source: String, to destination: String, trafficClass: UInt8 = 0, next: UInt8 = 17, payload: [UInt8] = []
    ) -> TestPacket {
        var bytes: [UInt8] = [0x60 | trafficClass >> 4, trafficClass << 4, 0, 0]
        bytes += word(UInt16(payload.count)) + [next, 64] + address(source) + address(destination) + payload
        return TestPacket(bytes)
    }

    static func udp(to port: UInt16, length: Int = 8) -> [UInt8] {
        word(40000) + word(port) + word(UInt16(length)) + word(0) + [UInt8](repeating: 7, count: length - 8)
    }

    static func word(_ number: UInt16) -> [UInt8] { [UInt8(number >> 8), UInt8(number & 255)] }

    private static func address(_ text: String) -> [UInt8] { IPAddress(text)?.bytes ?? [] }
}

func key(_ text: String) -> AddressKey {
    IPAddress(text).map { AddressKey($0) } ?? AddressKey(high: 0, low: 0)
}

func prefix(_ text: String) -> IPPrefix {
    IPPrefix(text) ?? IPPrefix(host: .unspecified(.v4))
}

func address(_ text: String) -> IPAddress {
    IPAddress(text) ?? .unspecified(.v4)
}

extension ForwardingTable {
    static func make(_ plan: ForwardingPlan) -> ForwardingTable { ForwardingDirectory(plan).table }
}

/// A plan with what the tests of both directions need.
enum TestPlan {
    static let plan = ForwardingPlan(
        local: .init(
            subnets: [prefix("10.220.106.0/24"), prefix("fd53::1:0/112")], routes: [prefix("172.16.0.0/16")],
            tunnelAddresses: [address("10.220.106.1"), address("fd53::1:1")]),
        peers: [
            .init(
                name: "b", subnets: [prefix("10.239.113.0/24"), prefix("fd53::2:0/112")],
                routes: [prefix("10.99.0.0/16"), prefix("198.51.100.0/24")], nodeAddresses: [address("192.0.2.2")],
                endpoint: SocketAddress(address("192.0.2.2"), port: 31337),
                furtherEndpoints: [
                    SocketAddress(address("10.239.113.77"), port: 31337),
                    SocketAddress(address("10.239.113.77"), port: 4500),
                ],
                routeMTU: 1500,
                outerSources: [address("192.0.2.2")]),
            .init(
                name: "six", subnets: [prefix("10.240.0.0/24"), prefix("fd53::3:0/112")],
                nodeAddresses: [address("198.51.100.7")],
                endpoint: SocketAddress(address("2001:db8::3"), port: 4000), routeMTU: 1300,
                outerSources: [address("2001:db8::3")]),
            .init(name: "nat", subnets: [prefix("10.241.0.0/24")], outerSources: nil),
        ])

    static let table = ForwardingTable.make(plan)
}
