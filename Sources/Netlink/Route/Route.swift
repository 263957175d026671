public import Addressing
internal import Glibc
internal import NetlinkShim

/// A route: where packets to a prefix go.
public struct Route: Hashable, Sendable {
    /// `0.0.0.0/0` or `::/0` for the default route.
    public var destination: IPPrefix
    public var kind: RouteKind
    /// The link by which packets leave; may stand alone, for what is directly attached.
    public var interfaceIndex: Int32?
    /// The router to hand packets to. One of the other family than the destination's is possible (RFC 5549).
    public var gateway: IPAddress?
    /// The preferred source of what this machine sends by the route.
    public var source: IPAddress?
    /// The routing table: ``mainTable`` unless said otherwise.
    public var table: UInt32
    /// Of routes to one prefix, the one of the lowest metric counts. IPv6 makes 1024 of 0.
    public var metric: UInt32
    /// Nil lets the kind decide, as iproute2 does: host for local ones, link without a gateway, else global. IPv6 has
    /// no scopes.
    public var scope: Scope?
    /// Who made it (`RTPROT_…`): 4, "static", for an administrator or a program on their behalf.
    public var origin: UInt8
    /// The gateway counts as directly attached even if no address of ours says so.
    public var isOnLink: Bool
    /// Largest packet, in bytes; nil for the link's.
    public var mtu: UInt32?
    /// TCP's maximum segment size to announce, in bytes.
    public var advertisedMSS: UInt32?
    /// Where packets go by several ways at once. Listed only; ``interfaceIndex`` and ``gateway`` are nil then.
    public var nextHops: [NextHop] = []

    public static let mainTable: UInt32 = 254
    public static let localTable: UInt32 = 255

    public init(
        to destination: IPPrefix, kind: RouteKind = .unicast, interfaceIndex: Int32? = nil, gateway: IPAddress? = nil,
        source: IPAddress? = nil, table: UInt32 = Route.mainTable, metric: UInt32 = 0, scope: Scope? = nil,
        origin: UInt8 = 4, isOnLink: Bool = false, mtu: UInt32? = nil, advertisedMSS: UInt32? = nil
    ) {
        self.destination = destination
        self.kind = kind
        self.interfaceIndex = interfaceIndex
        self.gateway = gateway
        self.source = source
        self.table = table
        self.metric = metric
        self.scope = scope
        self.origin = origin
        self.isOnLink = isOnLink
        self.mtu = mtu
        self.advertisedMSS = advertisedMSS
    }

    /// Every index by which packets of this route may leave.
    public var interfaceIndices: [Int32] {
        nextHops.isEmpty ? interfaceIndex.map { [$0] } ?? [] : nextHops.map(\.interfaceIndex)
    }
}

/// One of several ways that a route has.
public struct NextHop: Hashable, Sendable {
    public var interfaceIndex: Int32
    public var gateway: IPAddress?
}

/// What a route does with packets (`RTN_…`, rtnetlink(7)).
public struct RouteKind: RawRepresentable, Hashable, Sendable {
    public var rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// Sends them on.
    public static let unicast = RouteKind(rawValue: 1)
    /// Takes them in.
    public static let local = RouteKind(rawValue: 2)
    public static let broadcast = RouteKind(rawValue: 3)
    public static let anycast = RouteKind(rawValue: 4)
    public static let multicast = RouteKind(rawValue: 5)
    /// Drops them silently.
    public static let blackhole = RouteKind(rawValue: 6)
    /// Refuses them: ICMP "host unreachable" (EHOSTUNREACH).
    public static let unreachable = RouteKind(rawValue: 7)
    /// Refuses them: ICMP "administratively prohibited" (EACCES).
    public static let prohibit = RouteKind(rawValue: 8)
    /// Ends the search in this table; the next rule's table is asked.
    public static let `throw` = RouteKind(rawValue: 9)
}

extension Route: CustomStringConvertible {
    /// As iproute2 would write it, with indices for links: `unreachable 10.192.0.0/10 table 254 metric 4096`.
    public var description: String {
        var words = [kind == .unicast ? "" : "\(kind)", "\(destination)"].filter { !$0.isEmpty }
        if let gateway { words += ["via", "\(gateway)"] }
        if let interfaceIndex { words += ["index", "\(interfaceIndex)"] }
        words += ["table", "\(table)"]
        if metric != 0 { words += ["metric", "\(metric)"] }
        return words.joined(separator: " ")
    }
}

extension RouteKind: CustomStringConvertible {
    /// The name that iproute2 uses: `unreachable`.
    public var description: String {
        var buffer = [CChar](repeating: 0, count: 32)
        // Sound: the shim writes at most `$0.count` bytes, the last of which is zero.
        unsafe buffer.withUnsafeMutableBufferPointer {
            unsafe warrens_route_type_name(Int32(rawValue), $0.baseAddress, $0.count)
        }
        return String(decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}

extension Route {
    init?(_ reply: Reply) {
        guard Int(reply.type) == RTM_NEWROUTE || Int(reply.type) == RTM_DELROUTE,
            let header = reply.payload.header(rtmsg.self), let family = IPFamily(number: header.rtm_family),
            let any = IPPrefix(.unspecified(family), length: Int(header.rtm_dst_len))
        else { return nil }
        self.init(
            to: any, kind: RouteKind(rawValue: header.rtm_type), table: UInt32(header.rtm_table),
            scope: Scope(rawValue: header.rtm_scope), origin: header.rtm_protocol,
            isOnLink: header.rtm_flags & UInt32(RTNH_F_ONLINK) != 0)
        for (type, value) in reply.payload.attributes(after: MemoryLayout<rtmsg>.size) {
            switch type {
            case Int(RTA_DST.rawValue):
                if let prefix = value.address.flatMap({ IPPrefix($0, length: any.length) }) { destination = prefix }
            case Int(RTA_OIF.rawValue): interfaceIndex = value.s32
            case Int(RTA_GATEWAY.rawValue): gateway = value.address
            // struct rtvia: two bytes of family, then the address.
            case Int(RTA_VIA.rawValue): gateway = IPAddress(bytes: value.bytes.dropFirst(2))
            case Int(RTA_PREFSRC.rawValue): source = value.address
            case Int(RTA_PRIORITY.rawValue): metric = value.u32 ?? 0
            case Int(RTA_TABLE.rawValue): table = value.u32 ?? table
            case Int(RTA_METRICS.rawValue):
                mtu = value.attributes().first(Int32(RTAX_MTU))?.u32
                advertisedMSS = value.attributes().first(Int32(RTAX_ADVMSS))?.u32
            case Int(RTA_MULTIPATH.rawValue): nextHops = NextHop.list(value)
            default: break
            }
        }
    }
}

extension NextHop {
    /// Reads the `struct rtnexthop`s of RTA_MULTIPATH, each followed by attributes of its own.
    fileprivate static func list(_ value: Payload) -> [NextHop] {
        var hops: [NextHop] = []
        var rest = value.bytes
        while let header = Payload(rest).header(rtnexthop.self) {
            let length = Int(header.rtnh_len)
            guard length >= MemoryLayout<rtnexthop>.size, length <= rest.count else { break }
            let attributes = Payload(rest.prefix(length)).attributes(after: MemoryLayout<rtnexthop>.size)
            let via = attributes.first(RTA_VIA).flatMap { IPAddress(bytes: $0.bytes.dropFirst(2)) }
            hops.append(
                NextHop(
                    interfaceIndex: header.rtnh_ifindex, gateway: attributes.first(RTA_GATEWAY)?.address ?? via))
            rest = rest.dropFirst((length + 3) & ~3)
        }
        return hops
    }
}
