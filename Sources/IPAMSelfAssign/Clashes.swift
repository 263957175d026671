import Addressing
import CNI
import Host
import Netlink
import Overlay

extension Setup {
    /// Refuses to begin with a pool whose addresses mean something else on this host or in the cluster.
    ///
    /// Asked only before a pool's first lease, as after a reboot: later the host's routes are our own, and listing them
    /// takes time.
    func checkClashes() throws(CNIError) {
        let pools = StorePaths(root: root).pools
        let isNew = { (range: AddressRange) in !Files.exists("\(pools)/\(range.pool)") }
        guard configuration.isTunnelled, rangeSets.contains(where: { $0.ranges.contains(where: isNew) }) else { return }
        guard let clash = try clashes().first else { return }
        throw CNIError(.invalidConfiguration, clash.problem, details: clash.remedy)
    }

    private func clashes() throws(CNIError) -> [ClashCheck.Clash] {
        try reporting("cannot list this host's routes") { () throws(SystemError) in
            let socket = try RouteSocket()
            let links = try socket.links()
            let name = { (index: Int32?) in links.first { $0.index == index }?.name ?? "" }
            let routes = try socket.routes().filter { $0.kind == .unicast }
            return ClashCheck.all(
                settings: settings,
                addresses: try socket.addresses().map { .init($0.prefix, device: name($0.interfaceIndex)) },
                routes: routes.map { .init($0.destination, device: name($0.interfaceIndices.first)) },
                bridges: Set(links.filter(\.isBridge).map(\.name)), own: Set([bridge].compactMap(\.self)))
        }
    }
}
