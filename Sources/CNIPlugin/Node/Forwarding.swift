internal import Addressing
internal import CNI
internal import Host
internal import Netlink
internal import Overlay

/// Makes the host pass packets on between its interfaces.
struct Forwarding {
    let socket: RouteSocket

    func ensure(_ families: Set<IPFamily>) throws(CNIError) {
        if families.contains(.v4) {
            try reporting("cannot turn on IPv4 forwarding") { () throws(SystemError) in
                _ = try Sysctl.ensure("net.ipv4.ip_forward", value: "1")
            }
        }
        if families.contains(.v6) {
            try reporting("cannot turn on IPv6 forwarding") { () throws(SystemError) in
                if try Sysctl.read("net.ipv6.conf.all.forwarding") == "1" { return }
                try keepRouterAdvertisements()
                try Sysctl.write("net.ipv6.conf.all.forwarding", value: "1")
            }
        }
    }

    static func isOn(_ family: IPFamily) throws(SystemError) -> Bool {
        let setting = family == .v4 ? "net.ipv4.ip_forward" : "net.ipv6.conf.all.forwarding"
        return try Sysctl.read(setting) == "1"
    }

    /// A host that forwards ignores router advertisements (RFC 4861 section 6.2.3), so that one which learned its
    /// default route from them would lose it, unless it is told to go on listening.
    private func keepRouterAdvertisements() throws(SystemError) {
        let learned = try socket.routes(family: .v6).filter { $0.origin == Self.originRouterAdvertisement }
        for index in Set(learned.flatMap(\.interfaceIndices)) {
            guard let link = try socket.link(index: index) else { continue }
            if try Sysctl.read("net", "ipv6", "conf", link.name, "accept_ra") == "1" {
                try Sysctl.write("net", "ipv6", "conf", link.name, "accept_ra", value: "2")
            }
        }
    }

    /// RTPROT_RA of rtnetlink(7).
    private static let originRouterAdvertisement: UInt8 = 9
}
