import Addressing

/// The journey of a packet from the tunnel device to the peer that owns its destination. Decides; sends nothing.
enum Outbound {
    enum Verdict {
        /// Send to this peer. With `mayFragment` the outer datagram is longer than the path carries, but the inner
        /// packet is within the smallest MTU that we promise, so the outer one is fragmented.
        case send(ForwardingTable.Peer, trafficClass: UInt8, mayFragment: Bool)
        /// Split the inner packet to fit `mtu`, then send the parts.
        case split(ForwardingTable.Peer, trafficClass: UInt8, mtu: Int)
        /// Drop, and tell the sender.
        case reject(DropReason, ICMPError.Reason)
        case drop(DropReason)
    }

    /// The hop limit is not touched: the kernel has lowered it where it forwarded the packet to us.
    ///
    /// - Parameters:
    ///   - longest: The length of the packet, or of the longest segment of a super-packet, in bytes.
    ///   - framing: The length of what stands between the UDP header and the packet, in bytes.
    ///   - now: Seconds of the monotonic clock.
    @inline(__always)
    static func decide(
        _ packet: InnerPacket, longest: Int, framing: Int, _ table: ForwardingTable, now: Int64
    ) -> Verdict {
        let destination = packet.destination
        guard !destination.isMartian(in: packet.family) else { return .drop(.notUnicast) }

        var index = table.subnets.find(destination)
        if index < 0 {
            guard table.ownSubnets.find(destination) < 0 else { return .drop(.ownDestination) }
            index = table.routes.find(destination)
        }
        guard index >= 0 else { return .reject(.noPeer, .noRoute) }
        if let port = packet.udpDestinationPort, table.isEndpoint(destination, port: port) { return .drop(.loop) }
        let peer = table.peer(index)
        guard peer.hasEndpoint else { return .reject(.noEndpoint, .hostUnreachable) }

        let overhead = peer.endpointFamily == .v4 ? WireFormat.overheadV4 : WireFormat.overheadV6
        let fitting = peer.mtu(now: now) &- overhead &- framing
        let trafficClass = ECN.encapsulate(inner: packet.trafficClass)
        if longest <= fitting { return .send(peer, trafficClass: trafficClass, mayFragment: false) }
        let mtu = max(fitting, WireFormat.minimumMTU)
        if longest <= mtu { return .send(peer, trafficClass: trafficClass, mayFragment: true) }
        if packet.mayNotBeFragmented { return .reject(.tooBig, .tooBig(mtu: mtu)) }
        return .split(peer, trafficClass: trafficClass, mtu: mtu)
    }
}
