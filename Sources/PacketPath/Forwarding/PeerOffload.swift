import Addressing

extension ForwardingTable.Peer {
    /// True for two records of one peer.
    @inline(__always)
    func isSame(as other: ForwardingTable.Peer) -> Bool {
        // Sound: both are retained by the table that the records come from.
        unsafe state === other.state && port == other.port && endpoint == other.endpoint
    }

    /// Whether a packet may travel to the peer with a transport checksum that is still partial, which the peer looks for
    /// right behind the IP header alone.
    ///
    /// - Parameter start: Where the transport header begins.
    @inline(__always)
    func defersChecksum(of packet: InnerPacket, from start: Int) -> Bool {
        defersChecksums && start == packet.headerLength
    }
}
