internal import Addressing
internal import CNI
internal import Host
internal import Netlink

/// What is left on a bridge of attachments whose records were lost.
struct Orphans {
    let bridge: String
    let network: String
    let store: RecordStore
    let paths: NodePaths
    let host: RouteSocket
    let firewall: SharedFirewall

    /// Removes the interfaces, routes, neighbours and rules that belong to no attachment.
    ///
    /// - Parameter valid: The attachments of this network that exist, with or without a record.
    func remove(keeping valid: [Attachment]) throws(CNIError) {
        let lock = try NodeLock(paths)
        defer { withExtendedLifetime(lock) {} }
        let records = try store.all()
        try reporting("cannot remove what is left on the bridge \(bridge)") { () throws(SystemError) in
            // Interfaces on a bridge of several networks may be another's, whose valid attachments nobody told us.
            let isShared = records.contains { $0.bridge == bridge && $0.network != network }
            if let link = try host.link(named: bridge), link.isBridge, !isShared {
                let recorded = Set(records.map(\.hostInterface))
                try removeInterfaces(on: link, keeping: recorded.union(valid.map(\.hostInterfaceName)))
                try removeRoutes(on: link, records: records)
            }
        }
        if try store.isEmpty() { try firewall.tearDown() }
    }

    private func removeInterfaces(on bridge: Link, keeping names: Set<String>) throws(SystemError) {
        let orphans = try host.links().filter { link in
            link.master == bridge.index && link.isVeth && Attachment.isHostInterfaceName(link.name)
                && !names.contains(link.name)
        }
        try host.perform(orphans.map { .deleteLink($0.index).toleratingAbsence() })
    }

    /// Removes the routes to single addresses that no record claims. As long as the bridge has a port of unknown
    /// addresses, any of them may be that port's.
    private func removeRoutes(on bridge: Link, records: [AttachmentRecord]) throws(SystemError) {
        let recorded = Set(records.map(\.hostInterface))
        let ports = try host.links().filter { $0.master == bridge.index }
        guard ports.allSatisfy({ recorded.contains($0.name) }) else { return }
        let claimed = Set(records.flatMap(\.addresses))
        let routes = try host.routes().filter { route in
            route.kind == .unicast && route.destination.isHost && route.interfaceIndices == [bridge.index]
                && !claimed.contains(route.destination.address)
        }
        let addresses = routes.map(\.destination.address)
        if addresses.isEmpty { return }
        try firewall.masquerade().remove(addresses)
        try host.perform(PodInterface.unreachability(of: addresses, on: bridge.index))
    }
}
