import Addressing
internal import Host
internal import Netlink
internal import Overlay

/// What the node's kernel must look like for packets to find the tunnel device. Reconciled: what is right is left
/// alone, so that repairing it over and over disturbs nothing.
struct OverlayNetwork: Equatable {
    /// The largest inner packet, in bytes.
    var mtu: Int
    /// This node's subnets, those that are draining included: never to be looked for in the overlay.
    var ownSubnets: [IPPrefix]
    /// The addresses of the device.
    var tunnelAddresses: [IPAddress]
    /// The pods' gateways, by which their bridges are known.
    var gateways: [IPAddress]
    /// What leads into the tunnel: the overlay's prefixes and the peers' extra routes.
    var destinations: [IPPrefix]
    /// What this host reaches without the overlay though a destination contains it.
    var exceptions: [IPPrefix] = []
    /// Packets go on while no daemon has the device open: the kernel path carries them.
    var outlivesDaemon = false

    private var families: [IPFamily] {
        [.v6, .v4].filter { family in tunnelAddresses.contains { $0.family == family } }
    }

    /// Makes the kernel so.
    ///
    /// - Returns: What was changed, in words for the log; empty where all was right.
    func reconcile(_ socket: RouteSocket) throws(SystemError) -> [String] {
        guard let link = try socket.link(named: KernelNames.tunnelDevice) else {
            throw SystemError("get link", KernelNames.tunnelDevice, code: 19, detail: "the tunnel device is gone")
        }
        var changes = try reconcileDevice(link, socket)
        changes += try reconcileAddresses(link, socket)
        changes += try reconcileRules(socket)
        changes += try reconcileRoutes(link, socket)
        return changes
    }

    private func reconcileDevice(_ link: Link, _ socket: RouteSocket) throws(SystemError) -> [String] {
        var changed = false
        if families.contains(.v4) {
            changed = try ensure("ipv4", "ignore_routes_with_linkdown", ignoresRoutes) || changed
            // Replies may arrive by way of another route than a packet to their source would take.
            changed = try ensure("ipv4", "rp_filter", "2") || changed
            // ICMP errors that we write into the device bear its own address.
            changed = try ensure("ipv4", "accept_local", "1") || changed
            changed = try ensure("ipv4", "forwarding", "1") || changed
        }
        if families.contains(.v6) {
            changed = try ensure("ipv6", "disable_ipv6", "0") || changed
            changed = try ensure("ipv6", "ignore_routes_with_linkdown", ignoresRoutes) || changed
            changed = try ensure("ipv6", "accept_ra", "0") || changed
            changed = try ensure("ipv6", "forwarding", "1") || changed
        }
        guard !link.isUp || link.mtu != mtu else { return changed ? ["settings of \(KernelNames.tunnelDevice)"] : [] }
        var requests: [RouteRequest] = []
        if families.contains(.v6), !link.isUp {
            // No link-local address: nothing on a tunnel to many peers is local. Said before the device goes up, which
            // is when the kernel makes one.
            requests.append(.changeLink(link.index, LinkChange(addressGeneration: AddressGeneration.none)))
        }
        requests.append(.changeLink(link.index, LinkChange(isUp: true, mtu: mtu)))
        try socket.perform(requests)
        return ["\(KernelNames.tunnelDevice) up with MTU \(mtu)"]
    }

    /// A daemon that does not run leaves the device without a carrier; its routes must not swallow packets, unless
    /// somebody else picks them up on the way.
    private var ignoresRoutes: String { outlivesDaemon ? "0" : "1" }

    private func ensure(_ family: String, _ key: String, _ value: String) throws(SystemError) -> Bool {
        try Sysctl.ensure("net", family, "conf", KernelNames.tunnelDevice, key, value: value)
    }

    private func reconcileAddresses(_ link: Link, _ socket: RouteSocket) throws(SystemError) -> [String] {
        let wanted = tunnelAddresses.map(IPPrefix.init(host:))
        let present = try socket.addresses(on: link.index).filter { $0.scope == .global }.map(\.prefix)
        let missing = wanted.filter { !present.contains($0) }
        let surplus = present.filter { !wanted.contains($0) }
        try socket.perform(
            missing.map {
                .addAddress(
                    InterfaceAddress($0, skipsDuplicateDetection: true, addsNoPrefixRoute: true), to: link.index
                ).toleratingExistence()
            } + surplus.map { .deleteAddress($0, from: link.index).toleratingAbsence() })
        return missing.map { "address \($0) added" } + surplus.map { "address \($0) removed" }
    }

    private func reconcileRules(_ socket: RouteSocket) throws(SystemError) -> [String] {
        let present = try socket.rules()
        let wanted = families.map(Self.rule)
        let missing = wanted.filter { !present.contains($0) }
        // An earlier version's, by another mark: it would lead our datagrams into the tunnel.
        let surplus = present.filter {
            $0.priority == KernelNames.rulePriority && $0.table == KernelNames.overlayTable && !wanted.contains($0)
        }
        try socket.perform(
            missing.map { .addRule($0).toleratingExistence() } + surplus.map { .deleteRule($0).toleratingAbsence() })
        return missing.map { "\($0.family) rule \(KernelNames.rulePriority) added" }
            + surplus.map { "\($0.family) rule \(KernelNames.rulePriority) of another kind removed" }
    }

    private static func rule(_ family: IPFamily) -> RoutingRule {
        RoutingRule(
            family: family, priority: KernelNames.rulePriority, table: KernelNames.overlayTable,
            mark: KernelNames.datagramMark, isInverted: true)
    }

    private func reconcileRoutes(_ link: Link, _ socket: RouteSocket) throws(SystemError) -> [String] {
        let wanted = routes(device: link.index)
        let present = try socket.routes(table: KernelNames.overlayTable)
        let wantedKeys = Set(wanted.map(RouteKey.init))
        let presentKeys = Set(present.map(RouteKey.init))
        let surplus = present.filter { !wantedKeys.contains(RouteKey($0)) }
        let missing = wanted.filter { !presentKeys.contains(RouteKey($0)) }
        // Removal first: a route of another kind in the same place would not be replaced.
        try socket.perform(surplus.map { .deleteRoute($0).toleratingAbsence() })
        try socket.perform(missing.map { .replaceRoute($0) })
        return surplus.map { "route \($0) removed" } + missing.map { "route \($0) added" }
    }

    private func routes(device: Int32) -> [Route] {
        let usable = Set(families)
        var routes: [Route] = []
        // A pinned subnet of our own is a destination of the overlay for every node but this one.
        let remote = Set(destinations.map(\.network)).subtracting(ownSubnets.map(\.network))
        for destination in remote where usable.contains(destination.family) {
            routes.append(
                Route(
                    to: destination, interfaceIndex: device,
                    source: tunnelAddresses.first { $0.family == destination.family }, table: KernelNames.overlayTable,
                    metric: KernelNames.overlayMetric))
            // Answers where the device has no carrier because no daemon runs.
            routes.append(
                Route(
                    to: destination, kind: .unreachable, table: KernelNames.overlayTable,
                    metric: KernelNames.refusalMetric))
        }
        for subnet in Set((ownSubnets + exceptions).map(\.network)) where usable.contains(subnet.family) {
            routes.append(
                Route(to: subnet, kind: .throw, table: KernelNames.overlayTable, metric: KernelNames.overlayMetric))
        }
        return routes
    }

    /// What we set of a route, and the kernel reports unchanged.
    private struct RouteKey: Hashable {
        let destination: IPPrefix
        let kind: RouteKind
        let metric: UInt32
        let source: IPAddress?
        /// IPv6 reports the loopback device for routes that lead to none.
        let device: Int32?

        init(_ route: Route) {
            destination = route.destination
            kind = route.kind
            metric = route.metric
            source = route.source
            device = route.kind == .unicast ? route.interfaceIndex : nil
        }
    }
}
