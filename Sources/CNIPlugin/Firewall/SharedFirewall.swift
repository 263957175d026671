internal import Addressing
internal import CNI
internal import Host
internal import Netlink

/// The rules in netfilter that all pods of the node share.
///
/// One value, and with it one socket, serves a whole execution: the kernel lets whoever closes such a socket wait until
/// what was changed through it is settled, some ten milliseconds later. So changes are made early and the socket is
/// closed last, and the wait overlaps with other work. An execution that needs no rules opens none.
final class SharedFirewall {
    private var opened: Nftables?

    private func nftables() throws(SystemError) -> Nftables {
        if let opened { return opened }
        let socket = try Nftables()
        opened = socket
        return socket
    }

    func masquerade() throws(SystemError) -> Masquerade { Masquerade(nftables: try nftables()) }
    func accepts() throws(SystemError) -> ForwardAccepts { ForwardAccepts(nftables: try nftables()) }

    /// Forgets pods, as far as anything knows of them.
    func removePods(_ addresses: [IPAddress]) throws(CNIError) {
        try reporting("cannot stop masquerading") { () throws(SystemError) in
            try toleratingMissingSupport { () throws(SystemError) in try masquerade().remove(addresses) }
        }
    }

    /// Removes all rules. Call it with the node lock held.
    func tearDown() throws(CNIError) {
        try reporting("cannot remove the firewall rules") { () throws(SystemError) in
            try toleratingMissingSupport { () throws(SystemError) in
                try masquerade().uninstall()
                try accepts().remove()
            }
        }
    }
}
