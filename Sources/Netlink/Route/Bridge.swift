public import Addressing
internal import Glibc
internal import NetlinkShim

/// A bridge as it is to be made: without spanning tree and forwarding delay, so that a port forwards at once.
public struct Bridge: Hashable, Sendable {
    public var name: String
    /// Its hardware address. One that is given stays; otherwise the kernel takes the lowest of the ports', which
    /// changes as ports come and go.
    public var mac: MACAddress?
    /// In bytes. One that is given stays; otherwise the kernel takes the smallest of the ports'.
    public var mtu: Int?
    public var isUp: Bool
    /// Watch group memberships (IGMP, MLD) to send multicast packets only where they are wanted. Without it they go
    /// to all ports.
    public var snoopsMulticast: Bool

    public init(
        name: String, mac: MACAddress? = nil, mtu: Int? = nil, isUp: Bool = true, snoopsMulticast: Bool = true
    ) {
        self.name = name
        self.mac = mac
        self.mtu = mtu
        self.isUp = isUp
        self.snoopsMulticast = snoopsMulticast
    }
}

/// How a link behaves as a port of a bridge; nil leaves a property as it is.
public struct BridgePort: Hashable, Sendable {
    /// Packets may leave by the port on which they came in.
    public var hairpin: Bool?
    /// No packets between this port and other isolated ones.
    public var isolated: Bool?
    /// Remember which addresses are behind the port.
    public var learning: Bool?
    /// Send packets whose address is not known to this port, too.
    public var floodsUnicast: Bool?
    /// Drop what comes in from an address that is not known to be behind this port.
    public var locked: Bool?

    public init(
        hairpin: Bool? = nil, isolated: Bool? = nil, learning: Bool? = nil, floodsUnicast: Bool? = nil,
        locked: Bool? = nil
    ) {
        self.hairpin = hairpin
        self.isolated = isolated
        self.learning = learning
        self.floodsUnicast = floodsUnicast
        self.locked = locked
    }
}

extension RouteRequest {
    /// Makes a bridge; `ip link add … type bridge`. Of several processes that try at once, one succeeds and the
    /// others see EEXIST: ``toleratingExistence()`` makes it "there is one now".
    public static func createBridge(_ bridge: Bridge) -> RouteRequest {
        let message = Message(type: UInt16(RTM_NEWLINK), flags: NLM_F_CREATE | NLM_F_EXCL)
        var header = ifinfomsg()
        if bridge.isUp { header.set(UInt32(IFF_UP), true) }
        message.append(header)
        message.put(IFLA_IFNAME, text: bridge.name)
        if let mac = bridge.mac { message.put(IFLA_ADDRESS, bytes: mac.bytes) }
        if let mtu = bridge.mtu { message.put(IFLA_MTU, UInt32(clamping: mtu)) }
        message.nest(IFLA_LINKINFO) {
            message.put(IFLA_INFO_KIND, text: "bridge")
            message.nest(IFLA_INFO_DATA) {
                message.put(IFLA_BR_STP_STATE, UInt32(0))
                message.put(IFLA_BR_FORWARD_DELAY, UInt32(0))
                message.put(IFLA_BR_MCAST_SNOOPING, UInt8(bridge.snoopsMulticast ? 1 : 0))
            }
        }
        return RouteRequest("create bridge", bridge.name, message)
    }

    /// Changes how a link behaves as a port of the bridge that it is in; `bridge link set`.
    ///
    /// - Throws: When it is carried out: EINVAL or EOPNOTSUPP where it is not in a bridge.
    public static func changeBridgePort(_ index: Int32, _ port: BridgePort) -> RouteRequest {
        let message = Message(type: UInt16(RTM_NEWLINK))
        var header = ifinfomsg()
        header.ifi_index = index
        message.append(header)
        message.nest(IFLA_LINKINFO) {
            message.put(IFLA_INFO_SLAVE_KIND, text: "bridge")
            message.nest(IFLA_INFO_SLAVE_DATA) {
                for (attribute, value) in port.attributes {
                    if let value { message.put(attribute, UInt8(value ? 1 : 0)) }
                }
            }
        }
        return RouteRequest("change bridge port", "index \(index)", message)
    }

    /// Makes the bridge send packets for `mac` to the port `index` without having learned it; `bridge fdb replace`.
    public static func replaceForwardingEntry(_ mac: MACAddress, on index: Int32) -> RouteRequest {
        let message = Message(type: UInt16(RTM_NEWNEIGH), flags: NLM_F_CREATE | NLM_F_REPLACE)
        message.append(forwardingHeader(index))
        message.put(NDA_LLADDR, bytes: mac.bytes)
        return RouteRequest("replace forwarding entry", "\(mac) on index \(index)", message)
    }

    /// Takes such an entry back. A port that leaves the bridge takes its entries with it.
    public static func deleteForwardingEntry(_ mac: MACAddress, on index: Int32) -> RouteRequest {
        let message = Message(type: UInt16(RTM_DELNEIGH))
        message.append(forwardingHeader(index))
        message.put(NDA_LLADDR, bytes: mac.bytes)
        return RouteRequest("delete forwarding entry", "\(mac) on index \(index)", message)
    }

    private static func forwardingHeader(_ index: Int32) -> ndmsg {
        var header = ndmsg()
        header.ndm_family = UInt8(AF_BRIDGE)
        header.ndm_ifindex = index
        // Static, not permanent: the latter would make it an address of the bridge itself.
        header.ndm_state = UInt16(NUD_NOARP)
        header.ndm_flags = UInt8(1 << 2)  // NTF_MASTER: the table of the bridge that the port is in.
        return header
    }
}

extension BridgePort {
    fileprivate var attributes: [(type: Int, value: Bool?)] {
        [
            (IFLA_BRPORT_MODE, hairpin), (IFLA_BRPORT_ISOLATED, isolated), (IFLA_BRPORT_LEARNING, learning),
            (IFLA_BRPORT_UNICAST_FLOOD, floodsUnicast), (IFLA_BRPORT_LOCKED, locked),
        ]
    }

    init(_ attributes: Attributes) {
        for (type, value) in attributes {
            let isSet = value.u8.map { $0 != 0 }
            switch type {
            case IFLA_BRPORT_MODE: hairpin = isSet
            case IFLA_BRPORT_ISOLATED: isolated = isSet
            case IFLA_BRPORT_LEARNING: learning = isSet
            case IFLA_BRPORT_UNICAST_FLOOD: floodsUnicast = isSet
            case IFLA_BRPORT_LOCKED: locked = isSet
            default: break
            }
        }
    }
}
