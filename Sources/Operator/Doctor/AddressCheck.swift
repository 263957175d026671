import Addressing
import Host
import Netlink
import Overlay

/// Do our prefixes mean something else on this host, and do packets fit?
struct AddressCheck: Check {
    let subject = "addresses"
    let facts: NodeFacts

    /// The outer headers of the smallest inner packet that IPv6 needs to get through: 1280 and 48 bytes.
    private static let smallestUplink = Settings.smallestMTU + 48

    func findings() throws -> [Finding] {
        let socket = try RouteSocket()
        let links = try socket.links()
        let names = Dictionary(links.map { ($0.index, $0.name) }) { first, _ in first }
        let addresses = try socket.addresses()
        let routes = try socket.routes(table: nil).filter {
            $0.kind == .unicast && $0.table != KernelNames.overlayTable && $0.table != Route.localTable
        }
        return clashes(addresses, routes, names) + sizes(links, routes)
    }

    private func clashes(_ addresses: [InterfaceAddress], _ routes: [Route], _ names: [Int32: String]) -> [Finding] {
        let subnets = facts.node.map { $0.subnets + $0.draining } ?? []
        let own = Set(subnets.flatMap { [$0.tunnelAddress, $0.bridgeAddress] })
        let ownDevices = addresses.filter { own.contains($0.prefix.address) }.compactMap { names[$0.interfaceIndex] }
        let clashes = ClashCheck.all(
            settings: facts.settings,
            addresses: addresses.map { .init($0.prefix, device: names[$0.interfaceIndex] ?? "?") },
            routes: routes.flatMap { route in
                route.interfaceIndices.map { .init(route.destination, device: names[$0] ?? "?") }
            }, own: Set(ownDevices))
        guard clashes.isEmpty else { return clashes.map { .problem(subject, $0.problem, remedy: $0.remedy) } }
        let prefixes = facts.settings.overlayPrefixes.map(\.description).joined(separator: ", ")
        return [.good(subject, "\(prefixes) clash with nothing on this host")]
    }

    private func sizes(_ links: [Link], _ routes: [Route]) -> [Finding] {
        let uplinks = Set(routes.filter { $0.destination.length == 0 }.flatMap(\.interfaceIndices))
        return links.filter { uplinks.contains($0.index) && $0.mtu < Self.smallestUplink }.map {
            .notice(
                "MTU",
                "\($0.name) carries packets of \($0.mtu) bytes; below \(Self.smallestUplink) each of ours is split",
                remedy: "raise its MTU if the network allows it")
        }
    }
}
