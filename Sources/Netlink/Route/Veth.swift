public import Addressing
internal import Glibc
internal import NetlinkShim

/// One end of a pair of virtual Ethernet devices, as it is to be born.
public struct VethEnd: Hashable, Sendable {
    public var name: String
    /// Nil leaves it to the kernel, which makes one up.
    public var mac: MACAddress?
    /// In bytes; nil for the kernel's 1500.
    public var mtu: Int?
    /// The descriptor of the network namespace to be born in, or nil for that of the socket. It has to be open until
    /// the request was sent.
    public var namespaceDescriptor: Int32?
    /// The largest super-packets that may be handed to the device, in bytes, beyond the kernel's 65536.
    public var gsoMaxSize: UInt32?
    /// The same for IPv4 (Linux 6.3; older kernels ignore it).
    public var gsoIPv4MaxSize: UInt32?

    public init(
        name: String, mac: MACAddress? = nil, mtu: Int? = nil, namespaceDescriptor: Int32? = nil,
        gsoMaxSize: UInt32? = nil, gsoIPv4MaxSize: UInt32? = nil
    ) {
        self.name = name
        self.mac = mac
        self.mtu = mtu
        self.namespaceDescriptor = namespaceDescriptor
        self.gsoMaxSize = gsoMaxSize
        self.gsoIPv4MaxSize = gsoIPv4MaxSize
    }

    fileprivate func append(to message: Message) {
        message.put(IFLA_IFNAME, text: name)
        if let mac { message.put(IFLA_ADDRESS, bytes: mac.bytes) }
        if let mtu { message.put(IFLA_MTU, UInt32(clamping: mtu)) }
        if let namespaceDescriptor { message.put(IFLA_NET_NS_FD, namespaceDescriptor) }
        if let gsoMaxSize { message.put(IFLA_GSO_MAX_SIZE, gsoMaxSize) }
        if let gsoIPv4MaxSize { message.put(WARRENS_IFLA_GSO_IPV4_MAX_SIZE, gsoIPv4MaxSize) }
    }
}

extension RouteRequest {
    /// Makes a pair of virtual Ethernet devices, each in its namespace with its final name, address and MTU, in one
    /// step: nothing is moved or renamed afterwards, and a failure leaves nothing behind.
    ///
    /// The new indices are in ``Link/index`` and ``Link/peerIndex`` of `end`.
    ///
    /// - Parameters:
    ///   - end: The end that is usually in the namespace of the socket.
    ///   - isUp: Whether `end` is born set up. The peer cannot be (the kernel says ENOTCONN): it is born first, alone.
    ///   - master: The index of the bridge of which `end` is a port from birth.
    ///   - peer: The other end.
    /// - Throws: When it is carried out: EEXIST where either name is taken (the kernel does not say which one).
    public static func createVeth(
        _ end: VethEnd, isUp: Bool = false, master: Int32? = nil, peer: VethEnd
    ) -> RouteRequest {
        let message = Message(type: UInt16(RTM_NEWLINK), flags: NLM_F_CREATE | NLM_F_EXCL)
        var header = ifinfomsg()
        if isUp { header.set(UInt32(IFF_UP), true) }
        message.append(header)
        if let master { message.put(IFLA_MASTER, master) }
        end.append(to: message)
        message.nest(IFLA_LINKINFO) {
            message.put(IFLA_INFO_KIND, text: "veth")
            message.nest(IFLA_INFO_DATA) {
                message.nest(Int(VETH_INFO_PEER)) {
                    message.append(ifinfomsg())
                    peer.append(to: message)
                }
            }
        }
        return RouteRequest("create veth", "\(end.name) with peer \(peer.name)", message)
    }
}
