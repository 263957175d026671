import Addressing
internal import Overlay

/// Datagrams for their own sake: each of them has firewalls and NATs on the way expect answers, on this host and between it
/// and the peer. What they carry is an echo request, because every peer takes that and most answer, so that such a
/// mapping lasts longer.
struct Greeting {
    private let sockets: TunnelSockets
    private let framing: Settings.Framing

    init(_ sockets: TunnelSockets, _ framing: Settings.Framing) {
        self.sockets = sockets
        self.framing = framing
    }

    /// Sends one from the port of the tunnel; says nothing to a peer that has no endpoint, or no family in common.
    ///
    /// - Parameter addresses: This node's own on the tunnel.
    func send(to peer: ForwardingPlan.Peer, from addresses: [IPAddress]) {
        guard let endpoint = peer.endpoint,
            let (source, destination) = addresses.lazy.compactMap({ source in
                peer.subnets.lazy.filter { $0.family == source.family }.compactMap { NodeSubnet($0)?.tunnelAddress }
                    .first.map { (source, $0) }
            }).first
        else { return }
        let memory = PacketMemory(bytes: FramingHeader.length + EchoRequest.longest)
        let start = framing.headerLength
        let packet = EchoRequest.write(
            from: AddressKey(source), to: AddressKey(destination), into: memory.view.suffix(from: start))
        if start > 0 { memory.view.store(FramingHeader.value(source.family), at: 0) }
        let socket = endpoint.address.family == .v4 ? sockets.v4 : sockets.v6
        socket?.send(memory.view.prefix(start + packet.count), to: endpoint)
    }
}
