public import Addressing
internal import Glibc
public import Host
internal import NetlinkShim

/// A network interface as the kernel describes it.
public struct Link: Hashable, Sendable {
    /// Its number, unique in its network namespace.
    public var index: Int32 = 0
    public var name = ""
    /// What made it: `veth`, `bridge`, `tun`, `vxlan`; empty for hardware and the loopback device.
    public var kind = ""
    /// What the device's own header is (`ARPHRD_…`, linux/if_arp.h).
    public var hardwareType: UInt16 = 0
    /// The hardware address, or nil for devices without an Ethernet one, such as a TUN device.
    public var mac: MACAddress?
    /// In bytes, without the link-layer header.
    public var mtu = 0
    /// `IFF_…` bits (netdevice(7)).
    public var flags: UInt32 = 0
    public var operationalState = OperationalState.unknown
    /// The index of the bridge or other device that this one is a port of.
    public var master: Int32?
    /// The index of the device that this one is tied to (IFLA_LINK); for a veth, of its peer, in the peer's own
    /// namespace.
    public var peerIndex: Int32?
    /// The peer's network namespace as this one numbers it, or nil where the peer is in the same one.
    public var peerNamespaceID: Int32?
    /// The largest super-packets that may be handed to the device, in bytes; nil where the kernel does not say.
    public var gsoMaxSize: UInt32?
    /// The same for IPv4 (Linux 6.3); ``gsoMaxSize`` counts for both on older kernels.
    public var gsoIPv4MaxSize: UInt32?
    /// The largest super-packets that it makes of what it receives, in bytes (Linux 5.19; nil on older kernels).
    public var groMaxSize: UInt32?
    /// The same for IPv4 (Linux 6.3).
    public var groIPv4MaxSize: UInt32?
    /// How many have asked for all packets, whoever they are for (promiscuous mode).
    public var promiscuity: UInt32 = 0
    /// How it behaves as a port of a bridge, where it is one.
    public var bridgePort: BridgePort?
    public var statistics = LinkStatistics()

    public var isVeth: Bool { kind == "veth" }
    public var isBridge: Bool { kind == "bridge" }
    /// Whether packets stand behind an Ethernet header on it; on TUN, PPP and WireGuard devices they begin with their IP
    /// header.
    public var hasEthernetHeader: Bool { hardwareType == ARPHRD_ETHER || hardwareType == ARPHRD_LOOPBACK }
    /// Set up by its administrator (IFF_UP), whether or not anything is connected.
    public var isUp: Bool { flags & UInt32(IFF_UP) != 0 }
    /// Connected (IFF_LOWER_UP): for a veth, the peer is up; for a TUN device, a process has it open.
    public var hasCarrier: Bool { flags & 0x10000 != 0 }
    public var isLoopback: Bool { flags & UInt32(IFF_LOOPBACK) != 0 }
}

/// A link's state in the terms of RFC 2863.
public enum OperationalState: UInt8, Hashable, Sendable {
    case unknown, notPresent, down, lowerLayerDown, testing, dormant, up
}

/// What went through a link since it was made.
public struct LinkStatistics: Hashable, Sendable {
    public var receivedPackets: UInt64 = 0
    public var sentPackets: UInt64 = 0
    public var receivedBytes: UInt64 = 0
    public var sentBytes: UInt64 = 0
    public var receiveErrors: UInt64 = 0
    public var sendErrors: UInt64 = 0
    public var receiveDrops: UInt64 = 0
    public var sendDrops: UInt64 = 0
}

extension RouteSocket {
    /// The link called `name`, or nil.
    public func link(named name: String) throws(SystemError) -> Link? {
        try link(name) { message in
            message.append(ifinfomsg())
            message.put(IFLA_IFNAME, text: name)
        }
    }

    /// The link numbered `index`, or nil.
    public func link(index: Int32) throws(SystemError) -> Link? {
        try link("index \(index)") { message in
            var header = ifinfomsg()
            header.ifi_index = index
            message.append(header)
        }
    }

    /// All links of the namespace, or those which are ports of `master`.
    public func links(master: Int32? = nil) throws(SystemError) -> [Link] {
        let links = try socket.dump {
            let message = Message(type: UInt16(RTM_GETLINK), flags: NLM_F_DUMP)
            message.append(ifinfomsg())
            Self.putFilter(message)
            if let master { message.put(IFLA_MASTER, master) }
            return Request(operation: "list", subject: "links", message: message)
        } _: {
            Link($0)
        }
        // Kernels before 4.5 give all.
        return master == nil ? links : links.filter { $0.master == master }
    }

    private func link(
        _ subject: @autoclosure @escaping () -> String, _ select: (Message) -> Void
    ) throws(SystemError) -> Link? {
        let message = Message(type: UInt16(RTM_GETLINK))
        select(message)
        Self.putFilter(message)
        let reply = try socket.query(
            Request(operation: "get link", subject: subject(), message: message, tolerated: [ENODEV]))
        return reply.flatMap { Link($0) }
    }

    /// The IPv6 counters, which nobody here reads, are most of what the kernel would send.
    private static func putFilter(_ message: Message) {
        message.put(IFLA_EXT_MASK, UInt32(RTEXT_FILTER_SKIP_STATS))
    }
}

extension Link {
    init?(_ reply: Reply) {
        // A bridge tells of its ports in messages of the same types: one that leaves it is not "deleted" for others.
        guard Int(reply.type) == RTM_NEWLINK || Int(reply.type) == RTM_DELLINK,
            let header = reply.payload.header(ifinfomsg.self), Int32(header.ifi_family) != AF_BRIDGE
        else { return nil }
        index = header.ifi_index
        flags = header.ifi_flags
        hardwareType = header.ifi_type
        for (type, value) in reply.payload.attributes(after: MemoryLayout<ifinfomsg>.size) {
            switch type {
            case IFLA_IFNAME: name = value.text
            case IFLA_ADDRESS: mac = hardwareType == ARPHRD_ETHER ? MACAddress(bytes: value.bytes) : nil
            case IFLA_MTU: mtu = Int(value.u32 ?? 0)
            case IFLA_OPERSTATE: operationalState = value.u8.flatMap(OperationalState.init) ?? .unknown
            case IFLA_MASTER: master = value.s32
            case IFLA_LINK: peerIndex = value.s32 == 0 ? nil : value.s32
            case IFLA_LINK_NETNSID: peerNamespaceID = value.s32
            case IFLA_GSO_MAX_SIZE: gsoMaxSize = value.u32
            case Int(WARRENS_IFLA_GSO_IPV4_MAX_SIZE): gsoIPv4MaxSize = value.u32
            case IFLA_GRO_MAX_SIZE: groMaxSize = value.u32
            case Int(WARRENS_IFLA_GRO_IPV4_MAX_SIZE): groIPv4MaxSize = value.u32
            case IFLA_PROMISCUITY: promiscuity = value.u32 ?? 0
            case IFLA_STATS64: statistics = LinkStatistics(value) ?? statistics
            case IFLA_LINKINFO: readKind(value.attributes())
            default: break
            }
        }
    }

    private mutating func readKind(_ attributes: Attributes) {
        var portKind = ""
        for (type, value) in attributes {
            switch type {
            case IFLA_INFO_KIND: kind = value.text
            case IFLA_INFO_SLAVE_KIND: portKind = value.text
            case IFLA_INFO_SLAVE_DATA where portKind == "bridge": bridgePort = BridgePort(value.attributes())
            default: break
            }
        }
    }
}

/// linux/if_arp.h: the device has Ethernet addresses; the loopback device, which has their header alone.
private let ARPHRD_ETHER: UInt16 = 1
private let ARPHRD_LOOPBACK: UInt16 = 772

extension LinkStatistics {
    /// Reads `struct rtnl_link_stats64`, whose first eight numbers are these.
    fileprivate init?(_ value: Payload) {
        let numbers = (0..<8).compactMap { value.number(at: 8 * $0, as: UInt64.self) }
        guard numbers.count == 8 else { return nil }
        self.init(
            receivedPackets: numbers[0], sentPackets: numbers[1], receivedBytes: numbers[2], sentBytes: numbers[3],
            receiveErrors: numbers[4], sendErrors: numbers[5], receiveDrops: numbers[6], sendDrops: numbers[7])
    }
}
