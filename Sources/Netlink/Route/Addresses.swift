public import Addressing
internal import Glibc
public import Host
internal import NetlinkShim

/// An address on an interface.
public struct InterfaceAddress: Hashable, Sendable {
    /// The address with the prefix length of its network.
    public var prefix: IPPrefix
    public var scope: Scope
    /// Usable at once, without looking for another host that has it (IFA_F_NODAD; IPv6 alone looks).
    public var skipsDuplicateDetection: Bool
    /// Make no route to the network of the address (IFA_F_NOPREFIXROUTE).
    public var addsNoPrefixRoute: Bool
    /// The interface; set on what is listed, ignored in requests.
    public var interfaceIndex: Int32 = 0
    /// All `IFA_F_…` bits of what is listed, such as `IFA_F_TENTATIVE`.
    public var flags: UInt32 = 0

    public init(
        _ prefix: IPPrefix, scope: Scope = .global, skipsDuplicateDetection: Bool = false,
        addsNoPrefixRoute: Bool = false
    ) {
        self.prefix = prefix
        self.scope = scope
        self.skipsDuplicateDetection = skipsDuplicateDetection
        self.addsNoPrefixRoute = addsNoPrefixRoute
    }

    /// Not usable yet: the kernel is still looking for another host that has it.
    public var isTentative: Bool { flags & UInt32(IFA_F_TENTATIVE) != 0 }
    /// Another host has it.
    public var isDuplicate: Bool { flags & UInt32(IFA_F_DADFAILED) != 0 }
}

/// How far an address or a route's destination is (rtnetlink(7)): the larger, the nearer.
public struct Scope: RawRepresentable, Hashable, Sendable {
    public var rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// Anywhere; behind a router.
    public static let global = Scope(rawValue: 0)
    /// Directly attached.
    public static let link = Scope(rawValue: 253)
    /// On this machine.
    public static let host = Scope(rawValue: 254)
}

extension RouteRequest {
    /// Gives an interface an address; EEXIST where it has it.
    public static func addAddress(_ address: InterfaceAddress, to index: Int32) -> RouteRequest {
        make("add address", RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, address, index)
    }

    /// Gives an interface an address, or changes the flags of one that it has.
    public static func replaceAddress(_ address: InterfaceAddress, on index: Int32) -> RouteRequest {
        make("replace address", RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, address, index)
    }

    /// Takes an address from an interface; EADDRNOTAVAIL where it has none such.
    public static func deleteAddress(_ prefix: IPPrefix, from index: Int32) -> RouteRequest {
        make("delete address", RTM_DELADDR, 0, InterfaceAddress(prefix), index)
    }

    private static func make(
        _ operation: String, _ type: Int, _ flags: Int32, _ address: InterfaceAddress, _ index: Int32
    ) -> RouteRequest {
        let message = Message(type: UInt16(type), flags: flags)
        var header = ifaddrmsg()
        header.ifa_family = address.prefix.family.number
        header.ifa_prefixlen = UInt8(address.prefix.length)
        header.ifa_scope = address.scope.rawValue
        header.ifa_index = UInt32(bitPattern: index)
        message.append(header)
        message.put(IFA_LOCAL, bytes: address.prefix.address.bytes)
        message.put(IFA_ADDRESS, bytes: address.prefix.address.bytes)
        var bits: UInt32 = 0
        if address.skipsDuplicateDetection { bits |= UInt32(IFA_F_NODAD) }
        if address.addsNoPrefixRoute { bits |= UInt32(IFA_F_NOPREFIXROUTE) }
        if bits != 0 { message.put(IFA_FLAGS, bits) }
        return RouteRequest(operation, "\(address.prefix) on index \(index)", message)
    }
}

extension RouteSocket {
    /// The addresses of both families, of one interface or of all.
    public func addresses(on index: Int32? = nil) throws(SystemError) -> [InterfaceAddress] {
        let addresses = try socket.dump {
            let message = Message(type: UInt16(RTM_GETADDR), flags: NLM_F_DUMP)
            var header = ifaddrmsg()
            header.ifa_index = UInt32(bitPattern: index ?? 0)
            message.append(header)
            return Request(operation: "list", subject: "addresses", message: message, tolerated: [ENODEV])
        } _: {
            InterfaceAddress($0)
        }
        // Kernels before 4.20 give those of all interfaces.
        return index == nil ? addresses : addresses.filter { $0.interfaceIndex == index }
    }
}

extension InterfaceAddress {
    init?(_ reply: Reply) {
        guard Int(reply.type) == RTM_NEWADDR || Int(reply.type) == RTM_DELADDR,
            let header = reply.payload.header(ifaddrmsg.self)
        else { return nil }
        let attributes = reply.payload.attributes(after: MemoryLayout<ifaddrmsg>.size)
        // On a point-to-point link IFA_ADDRESS is the other end's; IFA_LOCAL is ours, which IPv6 leaves out otherwise.
        guard let address = (attributes.first(IFA_LOCAL) ?? attributes.first(IFA_ADDRESS))?.address,
            let prefix = IPPrefix(address, length: Int(header.ifa_prefixlen))
        else { return nil }
        let flags = attributes.first(IFA_FLAGS)?.u32 ?? UInt32(header.ifa_flags)
        self.init(
            prefix, scope: Scope(rawValue: header.ifa_scope), skipsDuplicateDetection: flags & UInt32(IFA_F_NODAD) != 0,
            addsNoPrefixRoute: flags & UInt32(IFA_F_NOPREFIXROUTE) != 0)
        interfaceIndex = Int32(bitPattern: header.ifa_index)
        self.flags = flags
    }
}
