internal import Glibc
public import Host
internal import NetlinkShim
internal import SyscallShim

/// Tells that something has changed in a network namespace. What it was is to be found out by looking: news that come
/// faster than they are taken are lost, but not that there were some.
public struct ChangeListener: Sendable {
    /// What to be told of through one descriptor.
    public enum Subject: Hashable, Sendable {
        /// Devices that come, go or change; what they send and receive does not count.
        case links
        /// Addresses, routes and rules, of both families.
        case routes
        /// Queueing disciplines, classes, and filters at the hooks of devices. Not the programs on them by tcx.
        case trafficControl
        /// Each transaction of nf_tables, iptables' own included where it works by that.
        case packetFilters
    }

    private let sockets: [SharedDescriptor]

    /// Readable when there are news, each of them.
    public var descriptors: [Int32] { sockets.map(\.raw) }

    /// Listens in the network namespace in which the calling thread is.
    ///
    /// - Throws: EPROTONOSUPPORT for ``Subject/packetFilters`` where the kernel has no nf_tables.
    public init(_ subjects: Set<Subject>) throws(SystemError) {
        var sockets: [SharedDescriptor] = []
        for (netlinkProtocol, groups) in Dictionary(grouping: subjects, by: \.netlinkProtocol) {
            let numbers = groups.flatMap(\.groups)
            // Sound: the shim reads `count` numbers during the call alone.
            let descriptor = try retrying("listen", "for changes of \(groups)") {
                unsafe warrens_listen_for_changes(netlinkProtocol, numbers, Int32(numbers.count))
            }
            sockets.append(SharedDescriptor(OwnedDescriptor(owning: descriptor)))
        }
        self.sockets = sockets
    }

    /// Takes the waiting news off all descriptors.
    public func drain() {
        for socket in sockets { warrens_drain_changes(socket.raw) }
    }
}

extension ChangeListener.Subject {
    fileprivate var netlinkProtocol: Int32 { self == .packetFilters ? NETLINK_NETFILTER : NETLINK_ROUTE }

    /// The multicast groups (linux/rtnetlink.h, linux/netfilter/nfnetlink.h).
    fileprivate var groups: [Int32] {
        switch self {
        case .links: [Int32(RTNLGRP_LINK.rawValue)]
        case .routes:
            [
                RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE,
                RTNLGRP_IPV4_RULE, RTNLGRP_IPV6_RULE,
            ].map { Int32($0.rawValue) }
        case .trafficControl: [Int32(RTNLGRP_TC.rawValue)]
        case .packetFilters: [Int32(NFNLGRP_NFTABLES.rawValue)]
        }
    }
}
