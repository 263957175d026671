public import Addressing
internal import Glibc
public import Host
internal import NetlinkShim

extension RouteRequest {
    /// Makes a route; EEXIST where there is one of the same prefix, table and metric.
    public static func addRoute(_ route: Route) -> RouteRequest {
        make("add route", NLM_F_CREATE | NLM_F_EXCL, route)
    }

    /// Makes a route, in place of one of the same prefix, table and metric. Two things to know about IPv6: a route
    /// that leads elsewhere by the same metric is replaced only where the kernel finds it to be of the same sort; and
    /// between kinds (unicast, unreachable, throw) it is safer to delete first.
    public static func replaceRoute(_ route: Route) -> RouteRequest {
        make("replace route", NLM_F_CREATE | NLM_F_REPLACE, route)
    }

    /// Removes the route of that prefix, table and kind; also of that metric, gateway and link where they are given
    /// (a metric of 0 stands for any). ESRCH where there is none such.
    ///
    /// The kernel does not compare the kind of IPv6 routes.
    public static func deleteRoute(_ route: Route) -> RouteRequest {
        let message = Message(type: UInt16(RTM_DELROUTE))
        append(route, to: message, scope: .nowhere, origin: 0)
        return RouteRequest("delete route", "\(route)", message)
    }

    private static func make(_ operation: String, _ flags: Int32, _ route: Route) -> RouteRequest {
        let message = Message(type: UInt16(RTM_NEWROUTE), flags: flags)
        append(route, to: message, scope: route.scope ?? route.usualScope, origin: route.origin)
        if let source = route.source { message.put(RTA_PREFSRC, bytes: source.bytes) }
        if route.mtu != nil || route.advertisedMSS != nil {
            message.nest(RTA_METRICS) {
                if let mtu = route.mtu { message.put(Int32(RTAX_MTU), mtu) }
                if let size = route.advertisedMSS { message.put(Int32(RTAX_ADVMSS), size) }
            }
        }
        return RouteRequest(operation, "\(route)", message)
    }

    private static func append(_ route: Route, to message: Message, scope: Scope, origin: UInt8) {
        var header = rtmsg()
        header.rtm_family = route.destination.family.number
        header.rtm_dst_len = UInt8(route.destination.length)
        // Tables above 255 fit the attribute alone.
        header.rtm_table = route.table < 256 ? UInt8(route.table) : UInt8(RT_TABLE_UNSPEC.rawValue)
        header.rtm_protocol = origin
        header.rtm_scope = scope.rawValue
        header.rtm_type = route.kind.rawValue
        if route.isOnLink { header.rtm_flags |= UInt32(RTNH_F_ONLINK) }
        message.append(header)
        message.put(RTA_TABLE, route.table)
        if route.destination.length > 0 { message.put(RTA_DST, bytes: route.destination.network.address.bytes) }
        if let index = route.interfaceIndex { message.put(RTA_OIF, index) }
        if let gateway = route.gateway {
            if gateway.family == route.destination.family {
                message.put(RTA_GATEWAY, bytes: gateway.bytes)
            } else {
                // struct rtvia: the family in host byte order, then the address.
                let family = UInt16(gateway.family.number)
                message.put(RTA_VIA, bytes: family.hostOrderBytes + gateway.bytes)
            }
        }
        if route.metric != 0 { message.put(RTA_PRIORITY, route.metric) }
    }
}

extension RouteSocket {
    /// The routes of both families or of one, in one table or in all.
    ///
    /// - Parameter table: Nil for all tables, also the local one.
    public func routes(
        family: IPFamily? = nil, table: UInt32? = Route.mainTable
    ) throws(SystemError) -> [Route] {
        var routes: [Route] = []
        for family in family.map({ [$0] }) ?? [.v4, .v6] {
            routes += try self.routes(of: family, table: table)
        }
        return routes
    }

    private func routes(of family: IPFamily, table: UInt32?) throws(SystemError) -> [Route] {
        let routes = try socket.dump {
            let message = Message(type: UInt16(RTM_GETROUTE), flags: NLM_F_DUMP)
            var header = rtmsg()
            header.rtm_family = family.number
            message.append(header)
            if let table { message.put(RTA_TABLE, table) }
            // ENOENT: no such table yet, which is an empty one.
            return Request(operation: "list", subject: "\(family) routes", message: message, tolerated: [ENOENT])
        } _: { reply -> Route? in
            // A kernel without IPv6 answers for all families that it has.
            Route(reply).flatMap { $0.destination.family == family ? $0 : nil }
        }
        // Kernels before 4.20 give all tables.
        return table == nil ? routes : routes.filter { $0.table == table }
    }

    /// The route that a packet to `destination` would take; `ip route get`.
    ///
    /// - Parameter mark: The packet's mark (SO_MARK), which rules may look at.
    /// - Throws: ENETUNREACH where there is none, EHOSTUNREACH where it is of kind ``RouteKind/unreachable``, EACCES
    ///   for ``RouteKind/prohibit``, EINVAL for ``RouteKind/blackhole``.
    public func route(to destination: IPAddress, mark: UInt32 = 0) throws(SystemError) -> Route {
        try route(to: destination, sourceLength: 0) { message in
            if mark != 0 { message.put(RTA_MARK, mark) }
        }
    }

    /// The route that a packet would take which comes in by a device; `ip route get … from … iif …`.
    ///
    /// - Throws: As above; EXDEV where the packet's source is not one that may come in there.
    public func route(of packet: ForwardedPacket) throws(SystemError) -> Route {
        try route(to: packet.destination, sourceLength: packet.source.family.bitWidth) { message in
            message.put(RTA_SRC, bytes: packet.source.bytes)
            message.put(RTA_IIF, packet.interfaceIndex)
            guard ForwardedPacket.protocols.contains(packet.protocolNumber) else { return }
            message.put(RTA_IP_PROTO, packet.protocolNumber)
            if let port = packet.sourcePort { message.putBig(RTA_SPORT, port) }
            if let port = packet.destinationPort { message.putBig(RTA_DPORT, port) }
        }
    }

    private func route(
        to destination: IPAddress, sourceLength: Int, _ attributes: (Message) -> Void
    ) throws(SystemError) -> Route {
        let message = Message(type: UInt16(RTM_GETROUTE))
        var header = rtmsg()
        header.rtm_family = destination.family.number
        header.rtm_dst_len = UInt8(destination.family.bitWidth)
        header.rtm_src_len = UInt8(sourceLength)
        // Name the table in which the route was found. IPv6 does so anyhow, and refuses the flag as invalid.
        if destination.family == .v4 { header.rtm_flags = UInt32(RTM_F_LOOKUP_TABLE) }
        message.append(header)
        message.put(RTA_DST, bytes: destination.bytes)
        attributes(message)
        let request = Request(operation: "get route", subject: "to \(destination)", message: message)
        guard let route = try socket.query(request).flatMap({ Route($0) }) else {
            throw SystemError(request.operation, request.subject, code: EBADMSG)
        }
        return route
    }
}

/// A packet that this host would pass on, as routing rules look at it.
public struct ForwardedPacket: Hashable, Sendable {
    public var source: IPAddress
    /// Of the same family.
    public var destination: IPAddress
    /// The device that it comes in by.
    public var interfaceIndex: Int32
    public var protocolNumber: UInt8
    public var sourcePort: UInt16?
    public var destinationPort: UInt16?

    /// Those that the kernel takes in a question: ICMP, TCP, UDP, ICMPv6.
    fileprivate static let protocols: Set<UInt8> = [1, 6, 17, 58]

    public init(
        source: IPAddress, destination: IPAddress, interfaceIndex: Int32, protocolNumber: UInt8,
        sourcePort: UInt16? = nil, destinationPort: UInt16? = nil
    ) {
        self.source = source
        self.destination = destination
        self.interfaceIndex = interfaceIndex
        self.protocolNumber = protocolNumber
        self.sourcePort = sourcePort
        self.destinationPort = destinationPort
    }
}

extension Scope {
    /// In a deletion: any.
    fileprivate static let nowhere = Scope(rawValue: 255)
}

extension Route {
    fileprivate var usualScope: Scope {
        if destination.family == .v6 { return .global }
        switch kind {
        case .local: return .host
        case .unicast where gateway == nil: return .link
        default: return .global
        }
    }
}

extension FixedWidthInteger {
    /// The number's bytes as they stand in memory.
    var hostOrderBytes: [UInt8] {
        let bytes = (0..<(Self.bitWidth / 8)).map { UInt8(truncatingIfNeeded: littleEndian >> (8 * $0)) }
        return Self(1).littleEndian == 1 ? bytes : bytes.reversed()
    }
}
