public import Addressing
public import Host

/// Whether the host passes packets on between its interfaces.
public enum HostForwarding {
    /// `RTPROT_RA` (linux/rtnetlink.h): a route that the kernel learned from a router advertisement.
    private static let learnedFromRouter: UInt8 = 9

    public static func isOn(_ family: IPFamily) throws(SystemError) -> Bool {
        let setting = family == .v4 ? "net.ipv4.ip_forward" : "net.ipv6.conf.all.forwarding"
        return try Sysctl.read(setting) == "1"
    }

    /// Switches forwarding on.
    ///
    /// A host that forwards IPv6 ignores router advertisements (RFC 4861 section 6.2.3) unless told otherwise, and would
    /// lose the routes that it learned from them; so devices with such a route are told first.
    ///
    /// - Returns: What was changed, in words for a log.
    @discardableResult
    public static func enable(_ families: Set<IPFamily>, _ socket: RouteSocket) throws(SystemError) -> [String] {
        var changes: [String] = []
        if families.contains(.v4), try Sysctl.ensure("net.ipv4.ip_forward", value: "1") {
            changes.append("IPv4 forwarding on")
        }
        if families.contains(.v6), try !isOn(.v6) {
            changes += try keepLearnedRoutes(socket)
            try Sysctl.write("net.ipv6.conf.all.forwarding", value: "1")
            changes.append("IPv6 forwarding on")
        }
        return changes
    }

    private static func keepLearnedRoutes(_ socket: RouteSocket) throws(SystemError) -> [String] {
        let learned = try socket.routes(family: .v6, table: nil).filter { $0.origin == learnedFromRouter }
        var changes: [String] = []
        for index in Set(learned.flatMap(\.interfaceIndices)).sorted() {
            guard let name = try socket.link(index: index)?.name else { continue }
            // 0 stands for a network manager that listens in the kernel's place.
            guard try Sysctl.read("net", "ipv6", "conf", name, "accept_ra") == "1" else { continue }
            try Sysctl.write("net", "ipv6", "conf", name, "accept_ra", value: "2")
            changes.append("accept_ra=2 on \(name)")
        }
        return changes
    }
}
