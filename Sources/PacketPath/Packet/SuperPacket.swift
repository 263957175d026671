import Addressing

/// A packet of up to 64 KB from the tunnel device that the kernel has left for us to cut: TCP or UDP segments that share
/// their headers (segmentation offload).
struct SuperPacket {
    /// The longest headers that we cut behind: all of IPv4 and TCP with options, or IPv6 with a few extensions.
    static let longestHeader = 256

    private enum Transport {
        case tcp, udp
    }

    let bytes: PacketView
    private let family: IPFamily
    private let transport: Transport
    /// Where the transport header begins, and where the payload does.
    let transportStart: Int
    private let headerLength: Int
    private let checksumField: Int
    /// The payload of each segment but the last.
    private let segmentSize: Int
    let segmentCount: Int
    /// The sum of the pseudo-header without the length of the segment.
    private let pseudoHeader: UInt64
    /// The sum of the IPv4 header without total length, identification and checksum.
    private let fixedHeader: UInt64
    private let identification: UInt16
    private let sequence: UInt32

    /// Nil where the kernel's description and the packet do not agree.
    ///
    /// - Parameter packet: What ``bytes`` holds, already checked.
    init?(_ packet: InnerPacket, _ header: VirtualHeader) {
        let bytes = packet.bytes
        guard let segmentation = header.segmentation, let checksum = header.partialChecksum else { return nil }
        let smallest: Int
        switch (segmentation, packet.family) {
        case (.tcpV4, .v4), (.tcpV6, .v6): (transport, smallest) = (.tcp, 20)
        case (.udp, _): (transport, smallest) = (.udp, 8)
        default: return nil
        }
        let start = checksum.start
        guard start >= packet.headerLength, bytes.count > start + smallest, checksum.field + 2 <= start + smallest
        else {
            return nil
        }
        let length = transport == .tcp ? start + Int(bytes[start + 12] >> 4) * 4 : start + 8
        guard length >= start + smallest, length < bytes.count, length <= Self.longestHeader, header.segmentSize > 0
        else {
            return nil
        }
        self.bytes = bytes
        family = packet.family
        transportStart = start
        headerLength = length
        checksumField = checksum.field
        segmentSize = header.segmentSize
        segmentCount = (bytes.count - length + segmentSize - 1) / segmentSize
        // The field holds the pseudo-header's sum with the length of the whole, which is taken out again.
        pseudoHeader =
            UInt64(bytes.load(UInt16.self, at: checksum.field))
            + UInt64(~UInt16(truncatingIfNeeded: bytes.count - start))
        if packet.family == .v4 {
            identification = bytes.load(UInt16.self, at: 4)
            var sum = UInt64(bytes.prefix(start).sum)
            for field in [2, 4, 10] { sum += UInt64(~bytes.load(UInt16.self, at: field)) }
            fixedHeader = sum
        } else {
            identification = 0
            fixedHeader = 0
        }
        sequence = transport == .tcp ? bytes.load(UInt32.self, at: start + 4) : 0
    }

    /// The length of the longest segment as an IP packet, in bytes.
    var longestSegment: Int {
        @inline(__always) get { min(bytes.count, headerLength + segmentSize) }
    }

    /// The payload of segment `index`, in place.
    @inline(__always)
    func payload(_ index: Int) -> PacketView {
        let start = headerLength &+ index &* segmentSize
        let rest = bytes.suffix(from: start)
        return rest.prefix(min(segmentSize, rest.count))
    }

    /// Writes the headers of segment `index` to the start of `room`, which has space for ``longestHeader`` bytes.
    ///
    /// - Parameters:
    ///   - payload: That segment's.
    ///   - completesChecksum: False leaves the pseudo-header's sum in the transport checksum, for the receiver to
    ///     complete.
    /// - Returns: The headers.
    @inline(__always)
    func writeHeader(_ index: Int, _ payload: PacketView, to room: PacketView, completesChecksum: Bool) -> PacketView {
        let headers = room.prefix(headerLength)
        headers.copy(bytes.prefix(headerLength), to: 0)
        // Sound in all that follows: the initializer has checked that an IP header's length lies before `transportStart`,
        // a transport header's between that and `headerLength`, and the checksum in the latter.
        writeNetworkHeader(index, headers, payload)

        let transportLength = headerLength &- transportStart &+ payload.count
        switch transport {
        case .tcp: writeTCP(index, headers)
        case .udp: unsafe headers.storeUnchecked(UInt16(truncatingIfNeeded: transportLength), at: transportStart &+ 4)
        }
        var sum = pseudoHeader &+ UInt64(truncatingIfNeeded: transportLength)
        guard completesChecksum else {
            unsafe headers.storeUnchecked(Checksum.fold(sum), at: checksumField)
            return headers
        }
        unsafe headers.storeUnchecked(UInt16(0), at: checksumField)
        sum &+= UInt64(headers.suffix(from: transportStart).sum) &+ UInt64(payload.longSum)
        let value = ~Checksum.fold(sum)
        // Zero would say that there is no checksum (RFC 768); for TCP both spellings of it mean the same.
        unsafe headers.storeUnchecked(value == 0 ? 0xffff : value, at: checksumField)
        return headers
    }

    @inline(__always)
    private func writeNetworkHeader(_ index: Int, _ headers: PacketView, _ payload: PacketView) {
        guard family == .v4 else {
            let length = UInt16(truncatingIfNeeded: headerLength &- 40 &+ payload.count)
            unsafe headers.storeUnchecked(length, at: 4)
            return
        }
        let length = UInt16(truncatingIfNeeded: headerLength &+ payload.count)
        let number = identification &+ UInt16(truncatingIfNeeded: index)
        unsafe headers.storeUnchecked(length, at: 2)
        unsafe headers.storeUnchecked(number, at: 4)
        unsafe headers.storeUnchecked(~Checksum.fold(fixedHeader &+ UInt64(length) &+ UInt64(number)), at: 10)
    }

    @inline(__always)
    private func writeTCP(_ index: Int, _ headers: PacketView) {
        let number = sequence &+ UInt32(truncatingIfNeeded: index &* segmentSize)
        unsafe headers.storeUnchecked(number, at: transportStart &+ 4)
        var flags = unsafe headers.loadUnchecked(UInt8.self, at: transportStart &+ 13)
        if index < segmentCount &- 1 { flags &= ~(Self.finished | Self.push) }
        // The sender has reduced its window once, not once for each segment (RFC 3168 section 6.1.2).
        if index > 0 { flags &= ~Self.windowReduced }
        unsafe headers.storeUnchecked(flags, at: transportStart &+ 13)
    }

    private static let finished: UInt8 = 0x01
    private static let push: UInt8 = 0x08
    private static let windowReduced: UInt8 = 0x80
}
