package import Addressing
package import Overlay

/// What the first byte of a datagram on the tunnel's port says about the rest. Constants of the wire, never settings.
package enum WireFormat {
    /// UDP and IPv4 or IPv6 headers, in bytes.
    static let overheadV4 = 28
    static let overheadV6 = 48

    /// How much longer than the inner packet the outer one is, in bytes.
    ///
    /// - Parameter family: Of the outer packet.
    package static func overhead(_ family: IPFamily, _ framing: Settings.Framing) -> Int {
        (family == .v4 ? overheadV4 : overheadV6) + framing.headerLength
    }

    /// The smallest inner MTU: what IPv6 demands of every link (RFC 8200 section 5). Below it outer datagrams are
    /// fragmented.
    package static let minimumMTU = 1280

    enum Kind: Equatable {
        /// One bare IPv4 or IPv6 packet.
        case plain
        /// A WireGuard message: types 1 to 4 and three zero bytes.
        case encrypted
        /// VXLAN-GPE that says what it carries: see ``FramingHeader``.
        case genericProtocolExtension
        /// Discovery, keepalive, punch, relay: 'W'.
        case control
        case unknown
    }

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

extension Settings.Framing {
    /// What stands between the UDP header and the inner packet, in bytes.
    package var headerLength: Int {
        switch self {
        case .raw: 0
        case .gpe: FramingHeader.length
        }
    }
}
