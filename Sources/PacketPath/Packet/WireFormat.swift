/// What the first byte of a datagram on the tunnel's port says about the rest. Constants of the wire, never settings.
package enum WireFormat {
    /// UDP and IPv4 or IPv6 headers around one inner packet, in bytes.
    package static let overheadV4 = 28
    package static let overheadV6 = 48

    /// The smallest inner MTU: what IPv6 demands of every link (RFC 8200 section 5). Below it outer datagrams are
    /// fragmented.
    package static let minimumMTU = 1280

    enum Kind: Equatable {
        /// One bare IPv4 or IPv6 packet.
        case plain
        /// A WireGuard message: types 1 to 4 and three zero bytes.
        case encrypted
        /// VXLAN-GPE carrying IP: flags I and P, the version of a cluster set to `framing: gpe`.
        case genericProtocolExtension
        /// Discovery, keepalive, punch, relay: 'W'.
        case control
        case unknown
    }

    @inline(__always)
    static func kind(of datagram: PacketView) -> Kind {
        guard datagram.count > 0 else { return .unknown }
        let first = datagram[0]
        switch first >> 4 {
        case 4, 6: return .plain
        default: break
        }
        if first == 0x57 { return .control }
        guard datagram.count >= 4 else { return .unknown }
        switch first {
        case 1...4: return datagram.load(UInt32.self, at: 0) & 0xff_ffff == 0 ? .encrypted : .unknown
        case 0x0c: return datagram[1] == 0 && datagram[2] == 0 ? .genericProtocolExtension : .unknown
        default: return .unknown
        }
    }
}
