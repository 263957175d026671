import Addressing

/// Builds inner packets and the frames that the tunnel device hands over.
enum SamplePacket {
    struct Route {
        let family: IPFamily
        let source: IPAddress
        let destination: IPAddress

        init(_ family: IPFamily, from source: IPAddress, to destination: IPAddress) {
            self.family = family
            self.source = source
            self.destination = destination
        }
    }

    /// With the timestamps that Linux sends (RFC 7323).
    static let tcpHeaderLength = 32

    static func headerLength(_ family: IPFamily) -> Int { family == .v4 ? 20 : 40 }

    /// - Parameter isPartial: The checksum holds the pseudo-header's sum.
    static func tcp(_ route: Route, payload: Int, sequence: UInt32, isPartial: Bool) -> [UInt8] {
        var segment = word(40000) + word(5001) + word(UInt16(sequence >> 16)) + word(UInt16(sequence & 0xffff))
        segment += [0, 0, 0, 1, 0x80, 0x10] + word(501) + word(0) + word(0)
        segment += [1, 1, 8, 10, 0, 1, 2, 3, 0, 4, 5, 6]
        segment += (0..<payload).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        return packet(route, number: 6, segment, field: 16, isPartial)
    }

    static func udp(_ route: Route, payload: Int, isPartial: Bool) -> [UInt8] {
        let segment = word(40000) + word(5001) + word(UInt16(8 + payload)) + word(0)
        return packet(route, number: 17, segment + [UInt8](repeating: 7, count: payload), field: 6, isPartial)
    }

    /// A virtual header and the packet: its checksum is to be completed, and it is to be cut where a size is given.
    static func frame(
        _ packet: [UInt8], _ family: IPFamily, field: UInt16, segmentSize: Int = 0, headers: Int = 0
    ) -> [UInt8] {
        let kind: UInt8 = segmentSize == 0 ? 0 : family == .v4 ? 1 : 4
        let numbers = [UInt16(headers), UInt16(segmentSize), UInt16(headerLength(family)), field]
        return [1, kind] + numbers.flatMap { word($0.byteSwapped) } + packet
    }

    private static func packet(
        _ route: Route, number: UInt8, _ segment: [UInt8], field: Int, _ isPartial: Bool
    ) -> [UInt8] {
        let addresses = route.source.bytes + route.destination.bytes
        var segment = segment
        let pseudo = sum(addresses + [0, number]) + UInt64(segment.count)
        let checksum = isPartial ? fold(pseudo) : ~fold(pseudo + sum(segment))
        segment.replaceSubrange(field..<field + 2, with: word(checksum))
        guard route.family == .v4 else {
            return [0x60, 0, 0, 0] + word(UInt16(segment.count)) + [number, 64] + addresses + segment
        }
        let length = word(UInt16(20 + segment.count))
        var header: [UInt8] = [0x45, 0] + length + [0x12, 0x34, 0x40, 0, 64, number, 0, 0] + addresses
        header.replaceSubrange(10..<12, with: word(~fold(sum(header))))
        return header + segment
    }

    private static func sum(_ bytes: [UInt8]) -> UInt64 {
        bytes.enumerated().reduce(0) { $0 + UInt64($1.element) << ($1.offset & 1 == 0 ? 8 : 0) }
    }

    private static func fold(_ sum: UInt64) -> UInt16 {
        var sum = sum
        while sum > 0xffff { sum = sum >> 16 + sum & 0xffff }
        return UInt16(sum)
    }

    private static func word(_ number: UInt16) -> [UInt8] { [UInt8(number >> 8), UInt8(number & 255)] }
}
