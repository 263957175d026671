import Addressing

/// The journey of a datagram from a peer to the tunnel device. Decides, and writes the inner packet's traffic class;
/// delivers nothing.
enum Inbound {
    enum Verdict {
        /// Hand the packet to the kernel.
        case deliver(ForwardingTable.Peer, InnerPacket, receivedClass: UInt8)
        case drop(DropReason)
    }

    /// - Parameters:
    ///   - outerSource: Where the datagram came from.
    ///   - outerClass: The outer header's DSCP and ECN.
    @inline(__always)
    static func decide(
        _ datagram: PacketView, from outerSource: AddressKey, outerClass: UInt8, _ table: ForwardingTable
    ) -> Verdict {
        switch WireFormat.kind(of: datagram) {
        case .plain: break
        case .encrypted: return .drop(.encrypted)
        case .genericProtocolExtension: return .drop(.otherFraming)
        case .control: return .drop(.control)
        case .unknown: return .drop(.unknownFormat)
        }
        guard let packet = InnerPacket(datagram) else { return .drop(.malformed) }
        guard !packet.source.isMartian(in: packet.family), !packet.destination.isMartian(in: packet.family) else {
            return .drop(.martian)
        }
        guard table.ownSubnets.find(packet.destination) >= 0 || table.ownRoutes.find(packet.destination) >= 0 else {
            return .drop(.notForUs)
        }
        guard table.ownSubnets.find(packet.source) < 0 else { return .drop(.ownSource) }

        let index = owner(of: packet.source, table)
        guard index >= 0 else { return .drop(.unknownSource) }
        let peer = table.peer(index)
        guard !peer.checksSource || table.accepts(outerSource, from: peer) else { return .drop(.spoofedSource) }

        let innerClass = packet.trafficClass
        guard let trafficClass = ECN.decapsulate(inner: innerClass, outer: outerClass) else {
            return .drop(.congestion)
        }
        if trafficClass != innerClass { packet.setTrafficClass(trafficClass) }
        return .deliver(peer, packet, receivedClass: innerClass)
    }

    @inline(__always)
    private static func owner(of source: AddressKey, _ table: ForwardingTable) -> Int {
        let bySubnet = table.subnets.find(source)
        if bySubnet >= 0 { return bySubnet }
        // A node that lies inside of a subnet router's network sends for itself all the same.
        let byAddress = table.nodeAddresses.find(source)
        return byAddress >= 0 ? byAddress : table.routes.find(source)
    }
}
