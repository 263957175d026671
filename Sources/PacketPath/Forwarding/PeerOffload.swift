import Addressing

extension ForwardingTable.Peer {
    /// Whether a packet may travel to the peer with a transport checksum that is still partial, which the peer looks for
    /// right behind the IP header alone.
    ///
    /// - Parameter start: Where the transport header begins.
    @inline(__always)
    func defersChecksum(of packet: InnerPacket, from start: Int) -> Bool {
        defersChecksums && start == packet.headerLength
    }
}
