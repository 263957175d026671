import Addressing

/// The journey of a datagram from a peer to the tunnel device. Decides, and writes the inner packet's traffic class;
/// delivers nothing.
enum Inbound {
    enum Verdict {
        /// Hand the packet, which came from this peer, to the kernel.
        case deliver(ForwardingTable.Peer, receivedClass: UInt8)
        case drop(DropReason)
    }

    /// - Parameters:
    ///   - packet: What the datagram held.
    ///   - outerSource: Where the datagram came from.
    ///   - outerClass: The outer header's DSCP and ECN.
    static func decide(
        _ packet: InnerPacket, from outerSource: AddressKey, outerClass: UInt8, _ table: ForwardingTable
    ) -> Verdict {
        guard !packet.source.isMartian(in: packet.family), !packet.destination.isMartian(in: packet.family) else {
            return .drop(.martian)
        }
        guard table.ownSubnets.find(packet.destination) >= 0 || table.ownRoutes.find(packet.destination) >= 0 else {
            return .drop(.notForUs)
        }
        guard table.ownSubnets.find(packet.source) < 0 else { return .drop(.ownSource) }

        var index = table.subnets.find(packet.source)
        // A node that lies inside of a subnet router's network sends for itself all the same.
        if index < 0 { index = table.nodeAddresses.find(packet.source) }
        if index < 0 { index = table.routes.find(packet.source) }
        guard index >= 0 else { return .drop(.unknownSource) }
        let peer = table.peer(index)
        guard !peer.checksSource || table.accepts(outerSource, from: peer) else { return .drop(.spoofedSource) }

        let innerClass = packet.trafficClass
        guard let trafficClass = ECN.decapsulate(inner: innerClass, outer: outerClass) else {
            return .drop(.congestion)
        }
        if trafficClass != innerClass { packet.setTrafficClass(trafficClass) }
        return .deliver(peer, receivedClass: innerClass)
    }

    /// Why a datagram is dropped that holds no ``InnerPacket``.
    static func refusal(of datagram: PacketView) -> DropReason {
        switch WireFormat.kind(of: datagram) {
        case .plain: .malformed
        case .encrypted: .encrypted
        case .genericProtocolExtension: .otherFraming
        case .control: .control
        case .unknown: .unknownFormat
        }
    }
}
