internal import Addressing
internal import CNI
internal import Host
internal import Netlink

/// Takes an attachment's parts out of the kernel, as far as they are there. It needs neither the pod's namespace nor the
/// configuration, and goes on where a step fails.
struct Remains {
    let host: RouteSocket

    /// Deletes the veth pair by the name of the host's end; the pod's end, its addresses and routes, the bridge port and
    /// its forwarding entries go with it.
    ///
    /// - Returns: True where there was one.
    func removeInterface(of key: AttachmentKey) throws(CNIError) -> Bool {
        let name = key.hostInterface
        return try reporting("cannot delete the interface \(name)") { () throws(SystemError) in
            guard let link = try host.link(named: name), link.isVeth else { return false }
            try host.perform(.deleteLink(link.index).toleratingAbsence())
            return true
        }
    }

    /// Removes routes, neighbours, masquerading and tracked connections of addresses that no pod has any more.
    ///
    /// - Parameter addresses: They must not be leased to another pod meanwhile, so call this before they are released.
    /// - Returns: What could not be removed.
    func forget(_ addresses: [IPAddress], on bridge: String) -> [CNIError] {
        if addresses.isEmpty { return [] }
        let routes = { () throws(CNIError) in
            try reporting("cannot remove the routes to \(list(addresses))") { () throws(SystemError) in
                guard let index = try host.link(named: bridge)?.index else { return }
                try host.perform(PodInterface.unreachability(of: addresses, on: index))
            }
        }
        let masquerading = { () throws(CNIError) in try PodFirewall.removePods(addresses) }
        let connections = { () throws(CNIError) in
            try reporting("cannot forget the connections of \(list(addresses))") { () throws(SystemError) in
                // Else a UDP flow to the address would go on to whoever gets it next, or nowhere.
                for address in addresses { _ = try Conntrack.deleteEntries(of: address) }
            }
        }
        return [attempting(routes), attempting(masquerading), attempting(connections)].compactMap { $0 }
    }

    private func list(_ addresses: [IPAddress]) -> String {
        addresses.map(\.description).joined(separator: ", ")
    }
}
