import Addressing

/// What passes one direction of the packet path in one go, over and over.
struct SamplePackets {
    enum Direction: String {
        case outbound, inbound
    }

    let name: String
    let direction: Direction
    let family: IPFamily
    /// Outbound frames or inbound messages, one after the other.
    let bytes: [UInt8]
    /// The length of each.
    let each: Int
    /// The length of each datagram that the kernel has joined to a message.
    let datagramLength: Int
    /// Inner packets on the wire.
    let count: Int
    /// The peers' tables announce that checksums may be deferred.
    var defersChecksums = false

    /// How long the packets are that a TCP super-packet is cut into, as on a path of 1,500 bytes less the tunnel's and
    /// a cloud's own headers.
    private static let segmentLength = 1420
    /// Joined by one receive: what a sender's 64 KB become.
    private static let runLength = 44
    /// What one turn of the outbound and of the inbound thread takes.
    private static let reads = 64
    private static let receives = 16

    static func all(_ addresses: SampleAddresses) -> [SamplePackets] {
        [IPFamily.v4, .v6].flatMap { family in
            [
                superPacket(family, addresses, defers: false), superPacket(family, addresses, defers: true),
                datagramsOut(family, addresses, peers: 1), datagramsOut(family, addresses, peers: reads),
                run(family, addresses), datagramsIn(family, addresses),
            ]
        }
    }

    private static func superPacket(_ family: IPFamily, _ addresses: SampleAddresses, defers: Bool) -> SamplePackets {
        let route = SamplePacket.Route(family, from: addresses.own(family), to: addresses.peer(0, family))
        let length = 61440
        let headers = SamplePacket.headerLength(family) + SamplePacket.tcpHeaderLength
        let size = segmentLength - headers
        let packet = SamplePacket.tcp(route, payload: length - headers, sequence: 1, isPartial: true)
        let frame = SamplePacket.frame(packet, family, field: 16, segmentSize: size, headers: headers)
        return SamplePackets(
            name: "TCP \(length) B cut, checksums \(defers ? "deferred" : "completed")", direction: .outbound,
            family: family, bytes: frame, each: frame.count, datagramLength: 0,
            count: (length - headers + size - 1) / size, defersChecksums: defers)
    }

    private static func datagramsOut(_ family: IPFamily, _ addresses: SampleAddresses, peers: Int) -> SamplePackets {
        let frames = (0..<reads).map { index in
            let route = SamplePacket.Route(
                family, from: addresses.own(family), to: addresses.peer(index % peers, family))
            return SamplePacket.frame(SamplePacket.udp(route, payload: 64, isPartial: true), family, field: 6)
        }
        return SamplePackets(
            name: "UDP 64 B, \(peers == 1 ? "one peer" : "\(peers) peers")", direction: .outbound, family: family,
            bytes: Array(frames.joined()), each: frames[0].count, datagramLength: 0, count: reads)
    }

    private static func run(_ family: IPFamily, _ addresses: SampleAddresses) -> SamplePackets {
        let route = SamplePacket.Route(family, from: addresses.peer(0, family), to: addresses.own(family))
        let size = segmentLength - SamplePacket.headerLength(family) - SamplePacket.tcpHeaderLength
        let packets = (0..<runLength).map { index in
            SamplePacket.tcp(route, payload: size, sequence: UInt32(1 + index * size), isPartial: false)
        }
        return SamplePackets(
            name: "TCP run of \(runLength) joined", direction: .inbound, family: family, bytes: Array(packets.joined()),
            each: runLength * segmentLength, datagramLength: segmentLength, count: runLength)
    }

    private static func datagramsIn(_ family: IPFamily, _ addresses: SampleAddresses) -> SamplePackets {
        let route = SamplePacket.Route(family, from: addresses.peer(0, family), to: addresses.own(family))
        let packets = (0..<receives).map { _ in SamplePacket.udp(route, payload: 64, isPartial: false) }
        return SamplePackets(
            name: "UDP 64 B", direction: .inbound, family: family, bytes: Array(packets.joined()),
            each: packets[0].count, datagramLength: packets[0].count, count: receives)
    }
}
