internal import Addressing
internal import CNI
internal import Glibc
internal import Host
internal import Netlink
internal import Overlay

/// A pod's veth pair: the end called CNI_IFNAME in the pod, the end that is a port of the bridge on the host.
struct PodInterface {
    /// Super-packets of this size leave the tunnel as one datagram sequence; larger ones would be cut in two.
    static let gsoMaxSize: UInt32 = 61_440

    let attachment: Attachment
    let configuration: PluginConfiguration
    let bridge: Link
    let mtu: Int
    /// On the host.
    let host: RouteSocket
    /// In the pod.
    let pod: RouteSocket

    var mac: MACAddress { configuration.podMAC(of: attachment) }

    /// Makes the pair, both ends with their final names, addresses and MTU.
    ///
    /// - Returns: The indices of both ends, each in its namespace.
    func create(in namespace: borrowing NetworkNamespace) throws(CNIError) -> (host: Int32, pod: Int32) {
        let gso = configuration.tunnel.enabled ? Self.gsoMaxSize : nil
        let hostEnd = VethEnd(
            name: attachment.hostInterfaceName, mac: attachment.hostMAC, mtu: mtu, gsoMaxSize: gso,
            gsoIPv4MaxSize: gso)
        let podEnd = VethEnd(
            name: attachment.interfaceName, mac: mac, mtu: mtu, namespaceDescriptor: namespace.descriptor,
            gsoMaxSize: gso,
            gsoIPv4MaxSize: gso)
        do throws(SystemError) {
            try host.perform(.createVeth(hostEnd, master: bridge.index, peer: podEnd))
            guard let link = try host.link(named: attachment.hostInterfaceName), let peer = link.peerIndex else {
                throw SystemError("find", attachment.hostInterfaceName, code: ENODEV)
            }
            return (link.index, peer)
        } catch {
            // The kernel gives each port of a bridge a number of ten bits.
            if error.code == EXFULL {
                throw CNIError(
                    .tryAgainLater, "the bridge \(bridge.name) has 1023 ports, and no bridge takes more",
                    details: "remove pods from this node, or give another network its own \"bridge\"")
            }
            throw CNIError(
                .ioFailure, "cannot make the interface \(attachment.interfaceName)", details: error.description)
        }
    }

    /// Brings the host's end up as a port of the bridge.
    func settleHostEnd(_ index: Int32) -> [RouteRequest] {
        let port = BridgePort(
            hairpin: configuration.hairpin, isolated: configuration.portIsolation,
            learning: configuration.spoofCheck ? false : nil, locked: configuration.spoofCheck ? true : nil)
        var requests: [RouteRequest] = []
        if KernelFamilies.present.contains(.v6) {
            // A port of a bridge needs no address; without this, it gets one and speaks for itself on the bridge.
            requests.append(.changeLink(index, LinkChange(addressGeneration: AddressGeneration.none)))
        }
        requests.append(.changeBridgePort(index, port))
        requests.append(.changeLink(index, LinkChange(isUp: true)))
        // The first packet to the pod need not flood all ports; with "macspoofchk" it also says who may send.
        requests.append(.replaceForwardingEntry(mac, on: index))
        return requests
    }

    /// Brings the pod's end up, with its addresses, routes and its gateways' hardware addresses, so that it never has
    /// to ask for any.
    func settlePodEnd(_ index: Int32, _ assignment: Assignment?) -> [RouteRequest] {
        var requests: [RouteRequest] = [.changeLink(index, LinkChange(isUp: true))]
        guard let assignment else { return requests }
        for entry in assignment.entries {
            let isV6 = entry.address.family == .v6
            let address = InterfaceAddress(
                IPPrefix(host: entry.address),
                skipsDuplicateDetection: isV6 && !configuration.duplicateAddressDetection, addsNoPrefixRoute: isV6)
            requests.append(.addAddress(address, to: index))
        }
        for gateway in assignment.gateways {
            // The default routes would do without it, but whoever copies them elsewhere, such as the sbr plugin, does not.
            requests.append(.replaceRoute(Route(to: IPPrefix(host: gateway), interfaceIndex: index)))
            if let mac = bridge.mac {
                requests.append(.replaceNeighbour(Neighbour(permanent: gateway, mac: mac, interfaceIndex: index)))
            }
        }
        requests += assignment.routes.map { .replaceRoute(route($0, index, assignment)) }
        return requests
    }

    private func route(_ route: AttachmentResult.Route, _ index: Int32, _ assignment: Assignment) -> Route {
        let isLinkScope = route.scope.map { $0 >= Int(Scope.link.rawValue) } ?? false
        let gateway = isLinkScope ? nil : route.gateway ?? assignment.gateway(route.destination.family)
        return Route(
            to: route.destination, interfaceIndex: index, gateway: gateway,
            table: route.table.flatMap(UInt32.init(exactly:)) ?? Route.mainTable,
            metric: route.priority.flatMap(UInt32.init(exactly:)) ?? 0,
            scope: route.scope.flatMap(UInt8.init(exactly:)).map(Scope.init), isOnLink: gateway != nil,
            mtu: route.mtu.flatMap(UInt32.init(exactly:)),
            advertisedMSS: route.advertisedMSS.flatMap(UInt32.init(exactly:)))
    }

    /// How the host finds the pod: a route and a hardware address for each of its addresses.
    ///
    /// The host need not ask for the hardware address, but learns of a new one: a plugin behind us in the chain may
    /// change it, and that of a permanent neighbour would stay as it was. Only where a pod must not change its hardware
    /// address is it permanent, so that no other can speak up for it.
    func reachability(of addresses: [IPAddress]) -> [RouteRequest] {
        addresses.flatMap { address -> [RouteRequest] in
            var neighbour = Neighbour(permanent: address, mac: mac, interfaceIndex: bridge.index)
            if !configuration.spoofCheck { neighbour.state = Self.unconfirmed }
            return [
                .replaceNeighbour(neighbour),
                .replaceRoute(Route(to: IPPrefix(host: address), interfaceIndex: bridge.index)),
            ]
        }
    }

    /// NUD_STALE (rtnetlink(7)): used at once, and confirmed some seconds after the first use.
    private static let unconfirmed: UInt16 = 0x04

    /// Takes back what ``reachability(of:)`` makes.
    static func unreachability(of addresses: [IPAddress], on bridge: Int32) -> [RouteRequest] {
        addresses.flatMap { address -> [RouteRequest] in
            [
                .deleteRoute(Route(to: IPPrefix(host: address), interfaceIndex: bridge)).toleratingAbsence(),
                .deleteNeighbour(address, on: bridge).toleratingAbsence(),
            ]
        }
    }

    /// Settings inside of the pod that must be there before its interface comes up. Call it in the pod's namespace.
    func settlePodSysctls(_ assignment: Assignment) throws(SystemError) {
        let name = attachment.interfaceName
        // The host routes between pods of one node through the bridge that both hang on, and would send redirects.
        for scope in ["all", name] {
            try Sysctl.ensure("net", "ipv4", "conf", scope, "accept_redirects", value: "0")
        }
        // Tells the host of a new hardware address.
        try Sysctl.ensure("net", "ipv4", "conf", name, "arp_notify", value: "1")
        guard KernelFamilies.present.contains(.v6) else { return }
        for scope in ["all", name] {
            try Sysctl.ensure("net", "ipv6", "conf", scope, "accept_redirects", value: "0")
        }
        try Sysctl.ensure("net", "ipv6", "conf", name, "ndisc_notify", value: "1")
        try Sysctl.ensure("net", "ipv6", "conf", name, "accept_ra", value: "0")
        if assignment.families.contains(.v6) {
            try Sysctl.ensure("net", "ipv6", "conf", name, "disable_ipv6", value: "0")
        }
        if !configuration.duplicateAddressDetection {
            try Sysctl.ensure("net", "ipv6", "conf", name, "accept_dad", value: "0")
        }
    }
}
