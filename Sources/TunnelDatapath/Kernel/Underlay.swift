import Addressing
internal import Host
internal import Netlink
internal import Overlay

/// The host's own network, under the overlay: what it says about the way to other nodes. As of one moment.
final class Underlay {
    /// The way to one address.
    struct Path: Equatable {
        /// The largest datagram that the route carries, IP header included, in bytes.
        var mtu: Int
        /// The device that the datagram leaves by.
        var interfaceIndex: Int32
        /// The router that takes it; nil where the address is directly attached.
        var gateway: IPAddress?
        /// The source that the kernel would choose for it; nil where this host has none to choose.
        var source: IPAddress?
    }

    /// What decides about ways to other nodes.
    struct Fingerprint: Hashable {
        var links: Set<LinkPrint>
        var routes: Set<Route>
        var rules: Set<RoutingRule>
        var addresses: Set<InterfaceAddress>
        var ownAddresses: [IPAddress]

        struct LinkPrint: Hashable {
            var index: Int32
            var name: String
            var mtu: Int
            var flags: UInt32
        }
    }

    let fingerprint: Fingerprint
    private let socket: RouteSocket
    let links: [Int32: Link]
    /// Routes that leave by devices other than our own. None into this node's own subnets: those are pods, behind
    /// devices of other plugins too.
    let routes: [Route]
    /// Addresses on devices other than our own, as above.
    let addresses: [InterfaceAddress]
    /// The unicast addresses of this host at which datagrams of other nodes can arrive, in ascending order: on whatever
    /// device, but not those in this node's own subnets, which are the overlay's.
    let ownAddresses: [IPAddress]
    /// Whether any route has an MTU of its own: few hosts have one.
    private let hasRouteMTU: Bool

    /// - Parameter ownSubnets: Those of this node: a device with a gateway address of theirs has its pods behind it.
    init(_ socket: RouteSocket, ownSubnets: [NodeSubnet]) throws(SystemError) {
        self.socket = socket
        let gateways = Set(ownSubnets.map(\.bridgeAddress))
        let addresses = try socket.addresses()
        let podDevices = Set(addresses.filter { gateways.contains($0.prefix.address) }.map(\.interfaceIndex))
        // A bridge's ports carry no routes; most of them are pods'. Nothing comes in by an intermediate device but what came
        // in by another one: the plugin `bandwidth` makes them.
        let links = try socket.links().filter {
            $0.master == nil && $0.kind != "ifb" && !ClashCheck.ownDevices.contains($0.name)
                && !podDevices.contains($0.index)
        }
        let indices = Set(links.map(\.index))
        let foreign = try socket.routes(table: nil).filter {
            $0.table != Route.localTable && $0.table != KernelNames.overlayTable
        }
        routes = foreign.filter { route in
            route.kind == .unicast && route.interfaceIndices.contains(where: indices.contains)
                && !ownSubnets.contains { $0.prefix.contains(route.destination) }
        }
        self.addresses = addresses.filter { address in
            indices.contains(address.interfaceIndex)
                && !ownSubnets.contains { $0.prefix.contains(address.prefix.address) }
        }
        ownAddresses = Set(addresses.map(\.prefix.address)).filter { address in
            Self.isReachable(address) && !ownSubnets.contains { $0.prefix.contains(address) }
        }.sorted()
        let refusals = foreign.filter { Self.refusals.contains($0.kind) }
        self.links = Dictionary(uniqueKeysWithValues: links.map { ($0.index, $0) })
        hasRouteMTU = routes.contains { $0.mtu != nil }
        fingerprint = Fingerprint(
            links: Set(links.map { .init(index: $0.index, name: $0.name, mtu: $0.mtu, flags: $0.flags) }),
            routes: Set(routes + refusals),
            rules: Set(try socket.rules().filter { $0.table != KernelNames.overlayTable }),
            addresses: Set(self.addresses.filter { $0.scope == .global }), ownAddresses: ownAddresses)
    }

    /// False for addresses that no datagram of another node bears as its destination: of IPv6, no link-local one can be
    /// an endpoint, which names no device.
    private static func isReachable(_ address: IPAddress) -> Bool {
        !address.isLoopback && !address.isUnspecified && !(address.family == .v6 && address.isLinkLocal)
    }

    /// Kinds of routes that take the way to a node.
    private static let refusals: Set<RouteKind> = [.unreachable, .blackhole, .prohibit, .throw]

    /// What the overlay's prefixes meet on this host: it would be cut off from there.
    func clashes(_ settings: Settings) -> [ClashCheck.Clash] {
        let named = { [links] (prefix: IPPrefix, index: Int32?) in
            ClashCheck.HostPrefix(prefix, device: index.flatMap { links[$0]?.name } ?? "")
        }
        return ClashCheck.all(
            settings: settings, addresses: addresses.map { named($0.prefix, $0.interfaceIndex) },
            routes: routes.map { named($0.destination, $0.interfaceIndices.first) })
    }

    /// Where this host finds others without the overlay and without its default routes.
    var destinations: Set<IPPrefix> {
        Set(routes.map(\.destination.network)).filter {
            $0.length > 0 && !$0.address.isLinkLocal && !$0.address.isMulticast
        }
    }

    /// The way that a datagram of ours to `address` takes; nil where there is none, or where it leads back into the
    /// overlay or to this host itself.
    func path(to address: IPAddress) -> Path? {
        guard let route = try? socket.route(to: address, mark: KernelNames.datagramMark),
            route.kind == .unicast, let index = route.interfaceIndex, let link = links[index]
        else { return nil }
        return Path(
            mtu: min(link.mtu, routeMTU(to: address, table: route.table) ?? link.mtu), interfaceIndex: index,
            gateway: route.gateway, source: route.source)
    }

    /// The MTU that a route in `table` sets. Not the one that the kernel's answer to a query has: that may come from
    /// an ICMP message about this one address, would lower the MTU of the whole tunnel, and expire unnoticed.
    private func routeMTU(to address: IPAddress, table: UInt32) -> Int? {
        guard hasRouteMTU else { return nil }
        let around = routes.filter { $0.table == table && $0.destination.contains(address) }
        return around.max { $0.destination.length < $1.destination.length }?.mtu.map { Int(clamping: $0) }
    }

    /// The MTU of the device that the default route leads to; nil without one.
    var uplinkMTU: Int? {
        routes.filter { $0.destination.length == 0 }.flatMap(\.interfaceIndices).compactMap { links[$0]?.mtu }.min()
    }

    /// The largest MTU of the host's own devices, in bytes, but for those that lead back to itself.
    var largestMTU: Int {
        links.values.filter { !$0.isLoopback }.map(\.mtu).max() ?? 65535
    }

    /// What choosing among a peer's addresses needs to know.
    var facts: UplinkFacts {
        let onLink = routes.filter { $0.gateway == nil && $0.nextHops.isEmpty && $0.destination.length > 0 }
        // A route to the outside is one by way of a router, or a default route on a point-to-point link.
        let outside = routes.filter { $0.gateway != nil || !$0.nextHops.isEmpty || $0.destination.length == 0 }
        return UplinkFacts(
            onLink: Set(onLink.map(\.destination)).filter { !($0.family == .v6 && $0.address.isLinkLocal) }.sorted(),
            routable: Set(outside.map(\.destination.family)),
            ownAddresses: Set(addresses.map(\.prefix.address).filter { !$0.isLoopback && !$0.isLinkLocal }))
    }
}
