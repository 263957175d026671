import Addressing

/// From which socket, and so from which source port, a packet leaves: the tunnel's own, or one chosen by the packet's
/// flow, which lets routers and receivers spread flows over paths and queues (RFC 7510 section 3).
///
/// Not copied, because that would move all the sockets for each packet.
struct SourcePorts: ~Copyable {
    private let v4: Int32
    private let v6: Int32
    private let sendersV4: Senders
    private let sendersV6: Senders
    private let isHashed: Bool

    private typealias Senders = InlineArray<8, Int32>
    /// A power of two.
    static let count = 8

    init(_ sockets: TunnelSockets) {
        v4 = sockets.v4?.descriptor ?? -1
        v6 = sockets.v6?.descriptor ?? -1
        isHashed = !sockets.senders.isEmpty
        sendersV4 = Self.senders(sockets, .v4, else: v4)
        sendersV6 = Self.senders(sockets, .v6, else: v6)
    }

    private static func senders(_ sockets: TunnelSockets, _ family: IPFamily, else fixed: Int32) -> Senders {
        var result = Senders(repeating: fixed)
        for (index, sender) in sockets.senders.filter({ $0.family == family }).prefix(count).enumerated() {
            result[index] = sender.descriptor
        }
        return result
    }

    @inline(__always)
    func socket(for packet: InnerPacket, to peer: ForwardingTable.Peer) -> Int32 {
        let isV4 = peer.endpointFamily == .v4
        return isHashed ? hashed(packet, isV4: isV4) : isV4 ? v4 : v6
    }

    /// Not inlined: where ports are fixed, the compiler would move all of both arrays for each packet.
    @inline(never)
    private func hashed(_ packet: InnerPacket, isV4: Bool) -> Int32 {
        let index = Self.flow(of: packet) & (Self.count - 1)
        return isV4 ? sendersV4[index] : sendersV6[index]
    }

    /// A number that is the same for all packets of a flow. Fragments have no ports to tell flows apart.
    static func flow(of packet: InnerPacket) -> Int {
        var hash = packet.source.high ^ packet.destination.high
        hash = (hash ^ packet.source.low) &* 0x9e37_79b9_7f4a_7c15
        hash = (hash ^ packet.destination.low ^ UInt64(packet.nextHeader) << 32) &* 0x9e37_79b9_7f4a_7c15
        if let transport = TransportHeader(packet) {
            hash ^= UInt64(packet.bytes.load(UInt32.self, at: transport.start))
            hash = hash &* 0x9e37_79b9_7f4a_7c15
        }
        return Int(truncatingIfNeeded: hash >> 48)
    }
}
