internal import Addressing
internal import CNI
internal import Glibc
internal import Host
internal import Netlink

/// Takes an attachment's parts out of the kernel, as far as they are there. It needs neither the pod's namespace nor the
/// configuration, and goes on where a step fails.
struct Remains {
    let host: RouteSocket
    let firewall: SharedFirewall

    /// Deletes the veth pair by the name of the host's end; the pod's end, its addresses and routes, the bridge port and
    /// its forwarding entries go with it.
    ///
    /// Both ends are gone for everybody some milliseconds after the request, and the kernel answers it much later, when
    /// no processor can have a pointer to them any more. Another process waits for that.
    func removeInterface(of attachment: Attachment) throws(CNIError) {
        let name = attachment.hostInterfaceName
        try reporting("cannot delete the interface \(name)") { () throws(SystemError) in
            guard let index = try host.link(named: name).flatMap({ $0.isVeth ? $0.index : nil }) else { return }
            let deletion = try BackgroundProcess {
                attempting { () throws(SystemError) in try RouteSocket().perform(.deleteLink(index)) }
            }
            while InterfaceNames.contains(name) {
                if deletion.hasEnded {
                    // It failed, or nearly so: the error is worth having.
                    return try host.perform(.deleteLink(index).toleratingAbsence())
                }
                usleep(200)
            }
        }
    }

    /// Removes routes, neighbours and masquerading of addresses that no pod has any more.
    ///
    /// - Parameters:
    ///   - addresses: They must not be leased to another pod meanwhile, so call this before they are released.
    ///   - isMasqueraded: False where the firewall knows nothing of them.
    /// - Returns: What could not be removed.
    func disconnect(_ addresses: [IPAddress], on bridge: String, isMasqueraded: Bool) -> [CNIError] {
        if addresses.isEmpty { return [] }
        let masquerading = { () throws(CNIError) in
            if isMasqueraded { try firewall.removePods(addresses) }
        }
        let routes = { () throws(CNIError) in
            try reporting("cannot remove the routes to \(list(addresses))") { () throws(SystemError) in
                guard let index = try host.link(named: bridge)?.index else { return }
                try host.perform(PodInterface.unreachability(of: addresses, on: index))
            }
        }
        return [attempting(masquerading), attempting(routes)].compactMap { $0 }
    }

    /// Forgets the tracked connections of addresses whose interface is gone: else a UDP flow would go on to whoever gets
    /// the address next, or nowhere.
    func forgetConnections(_ addresses: [IPAddress]) -> [CNIError] {
        let forgetting = { () throws(CNIError) in
            try reporting("cannot forget the connections of \(list(addresses))") { () throws(SystemError) in
                try toleratingMissingSupport { () throws(SystemError) in _ = try Conntrack.deleteEntries(of: addresses)
                }
            }
        }
        return [attempting(forgetting)].compactMap { $0 }
    }

    private func list(_ addresses: [IPAddress]) -> String {
        addresses.map(\.description).joined(separator: ", ")
    }
}
