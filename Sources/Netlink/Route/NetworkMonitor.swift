internal import Glibc
public import Host
internal import NetlinkShim

/// Watches a network namespace's links, addresses and routes for changes by anyone.
///
///     let monitor = try NetworkMonitor([.links, .addresses])
///     // List what there is now; then, whenever poll(2) finds `monitor.descriptor` readable:
///     for event in try monitor.pendingEvents() { … }
///
/// Not for use by two threads at once.
public final class NetworkMonitor {
    /// What to watch.
    public struct Topics: OptionSet, Sendable {
        public var rawValue: UInt8
        public init(rawValue: UInt8) { self.rawValue = rawValue }

        public static let links = Topics(rawValue: 1)
        /// Addresses of both families.
        public static let addresses = Topics(rawValue: 2)
        /// Routes of both families, in all tables.
        public static let routes = Topics(rawValue: 4)
    }

    /// What happened.
    public enum Event: Hashable, Sendable {
        /// A link was made or changed.
        case link(Link)
        case linkRemoved(Link)
        /// An address was added or changed.
        case address(InterfaceAddress)
        case addressRemoved(InterfaceAddress)
        /// A route was added or changed.
        case route(Route)
        case routeRemoved(Route)
        /// Events were lost, because more happened than the receive buffer holds: list everything anew.
        case resynchronise
    }

    private let socket: Socket

    /// Starts watching the network namespace in which the calling thread is.
    ///
    /// - Parameters:
    ///   - topics: What to watch.
    ///   - receiveBuffer: How much may wait to be read, in bytes; an event takes about 1 KiB.
    public init(_ topics: Topics, receiveBuffer: Int32 = 1 << 20) throws(SystemError) {
        socket = try Socket(netlinkProtocol: NETLINK_ROUTE)
        socket.setReceiveBuffer(bytes: receiveBuffer)
        for group in topics.groups { try socket.join(group: group) }
    }

    /// For poll(2): readable when there are events. Valid while this object lives.
    public var descriptor: Int32 { socket.descriptor }

    /// The events since the last call, in order; none where there were none. Does not wait.
    public func pendingEvents() throws(SystemError) -> [Event] {
        var events: [Event] = []
        while true {
            do throws(SystemError) {
                events += try socket.receive("receive", "network events", flags: Int32(MSG_DONTWAIT)).compactMap(
                    Event.init)
            } catch {
                switch error.code {
                case EAGAIN: return events
                case ENOBUFS: events.append(.resynchronise)
                default: throw error
                }
            }
        }
    }
}

extension NetworkMonitor.Topics {
    /// Multicast groups of rtnetlink.
    fileprivate var groups: [UInt32] {
        var groups: [rtnetlink_groups] = []
        if contains(.links) { groups.append(RTNLGRP_LINK) }
        if contains(.addresses) { groups += [RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR] }
        if contains(.routes) { groups += [RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE] }
        return groups.map(\.rawValue)
    }
}

extension NetworkMonitor.Event {
    init?(_ reply: Reply) {
        switch Int(reply.type) {
        case RTM_NEWLINK, RTM_DELLINK:
            guard let link = Link(reply) else { return nil }
            self = Int(reply.type) == RTM_NEWLINK ? .link(link) : .linkRemoved(link)
        case RTM_NEWADDR, RTM_DELADDR:
            guard let address = InterfaceAddress(reply) else { return nil }
            self = Int(reply.type) == RTM_NEWADDR ? .address(address) : .addressRemoved(address)
        case RTM_NEWROUTE, RTM_DELROUTE:
            guard let route = Route(reply) else { return nil }
            self = Int(reply.type) == RTM_NEWROUTE ? .route(route) : .routeRemoved(route)
        default: return nil
        }
    }
}
