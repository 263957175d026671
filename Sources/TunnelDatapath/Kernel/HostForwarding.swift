import Addressing
internal import Host
internal import Netlink

/// Lets the host forward packets between the pods and the tunnel.
enum HostForwarding {
    /// `RTPROT_RA` (linux/rtnetlink.h): a route that the kernel learned from a router advertisement.
    private static let learnedFromRouter: UInt8 = 9

    /// Switches forwarding on.
    ///
    /// A kernel that forwards IPv6 stops listening to router advertisements unless told otherwise, and would lose the
    /// default route that it learned from them; so devices with such a route are told first.
    ///
    /// - Returns: What was changed, in words for the log.
    static func enable(_ families: Set<IPFamily>, _ socket: RouteSocket) throws(SystemError) -> [String] {
        var changes: [String] = []
        if families.contains(.v4), try Sysctl.ensure("net", "ipv4", "ip_forward", value: "1") {
            changes.append("IPv4 forwarding on")
        }
        if families.contains(.v6), try Sysctl.read("net", "ipv6", "conf", "all", "forwarding") != "1" {
            changes += try keepLearnedRoutes(socket)
            try Sysctl.write("net", "ipv6", "conf", "all", "forwarding", value: "1")
            changes.append("IPv6 forwarding on")
        }
        return changes
    }

    private static func keepLearnedRoutes(_ socket: RouteSocket) throws(SystemError) -> [String] {
        let defaults = try socket.routes(family: .v6, table: nil).filter {
            $0.destination.length == 0 && $0.origin == learnedFromRouter
        }
        var changes: [String] = []
        for index in Set(defaults.flatMap(\.interfaceIndices)) {
            guard let name = try socket.link(index: index)?.name else { continue }
            // 0 stands for a network manager that listens in the kernel's place.
            guard try Sysctl.read("net", "ipv6", "conf", name, "accept_ra") == "1" else { continue }
            try Sysctl.write("net", "ipv6", "conf", name, "accept_ra", value: "2")
            changes.append("accept_ra=2 on \(name)")
        }
        return changes
    }
}
