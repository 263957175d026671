import Addressing

/// Leaves to the kernel what it can do later or not at all: cutting a packet to size, and computing checksums.
enum Offload {
    /// Marks `packet` as one to be cut after each `segmentSize` bytes of payload, and reduces its transport checksum to
    /// the pseudo-header.
    ///
    /// - Parameter length: The whole packet's, of which `packet` holds at least the headers.
    @inline(__always)
    static func mark(
        _ packet: PacketView, _ transport: TransportHeader, _ family: IPFamily, length: Int, segmentSize: Int
    ) -> VirtualHeader {
        let transportLength = length - transport.start
        if transport.kind == .udp {
            packet.store(UInt16(truncatingIfNeeded: transportLength), at: transport.start + 4)
        }
        packet.store(
            transport.pseudoHeader(of: packet, family, transportLength: transportLength),
            at: transport.start + transport.checksumOffset)
        let segmentation: VirtualHeader.Segmentation =
            transport.kind == .udp ? .udp : family == .v4 ? .tcpV4 : .tcpV6
        return VirtualHeader(
            segmentation, headerLength: transport.payloadStart, segmentSize: segmentSize,
            checksumFrom: transport.start, at: transport.checksumOffset)
    }

    /// What to tell the kernel of one whole packet from a peer.
    ///
    /// - Parameter limit: The longest packet that can have come in one piece. A longer one is a super-packet that a
    ///   kernel sender passed on uncut, as they do on virtual wires: nobody knows its segment size any more, so it is cut
    ///   to what every path carries.
    /// - Returns: Nil where the packet cannot be delivered as it was meant.
    @inline(__always)
    static func describe(_ packet: InnerPacket, limit: Int) -> VirtualHeader? {
        guard let transport = TransportHeader(packet) else { return .plain }
        if packet.bytes.count > limit {
            let room = WireFormat.minimumMTU - transport.payloadStart
            guard transport.kind == .tcp, room > 0 else { return nil }
            return mark(
                packet.bytes, transport, packet.family, length: packet.bytes.count,
                segmentSize: room)
        }
        if transport.hasPartialChecksum(packet) {
            return VirtualHeader(partialChecksumFrom: transport.start, at: transport.checksumOffset)
        }
        return .plain
    }

    /// Completes a checksum that so far holds its pseudo-header's sum.
    ///
    /// - Parameters:
    ///   - start: Where it begins to count.
    ///   - field: Where it stands.
    /// - Returns: False where the two lie outside of the packet.
    @inline(__always)
    static func completeChecksum(_ packet: PacketView, start: Int, field: Int) -> Bool {
        guard start <= field, field <= packet.count &- 2 else { return false }
        let value = ~packet.suffix(from: start).longSum
        // Sound: `field` lies between `start`, which has been found within the packet, and its last two bytes.
        unsafe packet.storeUnchecked(value == 0 ? 0xffff : value, at: field)
        return true
    }
}
