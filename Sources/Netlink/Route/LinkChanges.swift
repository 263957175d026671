public import Addressing
internal import Glibc
internal import NetlinkShim

/// What to change about a link; nil leaves a property as it is.
public struct LinkChange: Hashable, Sendable {
    public var isUp: Bool?
    public var mtu: Int?
    public var mac: MACAddress?
    /// A new name; older kernels refuse it while the link is up (EBUSY).
    public var name: String?
    /// The index of the bridge to become a port of; 0 to leave it.
    public var master: Int32?
    /// Take in all packets, whoever they are for.
    public var isPromiscuous: Bool?
    /// How the kernel makes up an IPv6 link-local address when the link comes up. Needs IPv6.
    public var addressGeneration: AddressGeneration?
    /// The largest super-packets to be handed to the link, in bytes; the same for IPv4 (Linux 6.3; older kernels ignore
    /// it).
    public var gsoMaxSize: UInt32?
    public var gsoIPv4MaxSize: UInt32?
    /// The largest super-packets that the link is to make of what it receives, in bytes (Linux 5.19); the same for IPv4
    /// (Linux 6.3). Older kernels ignore them.
    public var groMaxSize: UInt32?
    public var groIPv4MaxSize: UInt32?

    public init(
        isUp: Bool? = nil, mtu: Int? = nil, mac: MACAddress? = nil, name: String? = nil, master: Int32? = nil,
        isPromiscuous: Bool? = nil, addressGeneration: AddressGeneration? = nil, gsoMaxSize: UInt32? = nil,
        gsoIPv4MaxSize: UInt32? = nil, groMaxSize: UInt32? = nil, groIPv4MaxSize: UInt32? = nil
    ) {
        self.isUp = isUp
        self.mtu = mtu
        self.mac = mac
        self.name = name
        self.master = master
        self.isPromiscuous = isPromiscuous
        self.addressGeneration = addressGeneration
        self.gsoMaxSize = gsoMaxSize
        self.gsoIPv4MaxSize = gsoIPv4MaxSize
        self.groMaxSize = groMaxSize
        self.groIPv4MaxSize = groIPv4MaxSize
    }
}

/// The kernel's ways to an IPv6 link-local address (IN6_ADDR_GEN_MODE_…).
public enum AddressGeneration: UInt8, Hashable, Sendable {
    /// From the hardware address (RFC 4291 appendix A); the default.
    case eui64 = 0
    /// None.
    case none = 1
}

extension RouteRequest {
    /// Changes a link; `ip link set`.
    public static func changeLink(_ index: Int32, _ change: LinkChange) -> RouteRequest {
        let message = Message(type: UInt16(RTM_NEWLINK))
        var header = ifinfomsg()
        header.ifi_index = index
        header.set(UInt32(IFF_UP), change.isUp)
        header.set(UInt32(IFF_PROMISC), change.isPromiscuous)
        message.append(header)
        if let mtu = change.mtu { message.put(IFLA_MTU, UInt32(clamping: mtu)) }
        if let mac = change.mac { message.put(IFLA_ADDRESS, bytes: mac.bytes) }
        if let name = change.name { message.put(IFLA_IFNAME, text: name) }
        if let master = change.master { message.put(IFLA_MASTER, master) }
        if let size = change.gsoMaxSize { message.put(IFLA_GSO_MAX_SIZE, size) }
        if let size = change.gsoIPv4MaxSize { message.put(WARRENS_IFLA_GSO_IPV4_MAX_SIZE, size) }
        if let size = change.groMaxSize { message.put(IFLA_GRO_MAX_SIZE, size) }
        if let size = change.groIPv4MaxSize { message.put(WARRENS_IFLA_GRO_IPV4_MAX_SIZE, size) }
        if let mode = change.addressGeneration {
            message.nest(IFLA_AF_SPEC) {
                message.nest(AF_INET6) { message.put(IFLA_INET6_ADDR_GEN_MODE, mode.rawValue) }
            }
        }
        return RouteRequest("change link", "index \(index)", message)
    }

    /// Deletes a link, and with a veth its peer; `ip link delete`.
    public static func deleteLink(_ index: Int32) -> RouteRequest {
        let message = Message(type: UInt16(RTM_DELLINK))
        var header = ifinfomsg()
        header.ifi_index = index
        message.append(header)
        return RouteRequest("delete link", "index \(index)", message)
    }

    /// Deletes the link called `name`, and with a veth its peer.
    public static func deleteLink(named name: String) -> RouteRequest {
        let message = Message(type: UInt16(RTM_DELLINK))
        message.append(ifinfomsg())
        message.put(IFLA_IFNAME, text: name)
        return RouteRequest("delete link", name, message)
    }
}

extension ifinfomsg {
    /// Asks for `flag` to be set or cleared, or for neither.
    mutating func set(_ flag: UInt32, _ value: Bool?) {
        guard let value else { return }
        ifi_change |= flag
        if value { ifi_flags |= flag }
    }
}
