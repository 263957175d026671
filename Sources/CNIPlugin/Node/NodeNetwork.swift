internal import Addressing
internal import CNI
internal import Glibc
internal import Host
internal import Netlink
internal import Overlay

/// What all pods of the node share in the kernel: the bridge with the gateway addresses, forwarding, and the refusal of
/// overlay traffic that has no way to go. It stays until `warrensctl uninstall`.
struct NodeNetwork {
    let socket: RouteSocket
    let configuration: PluginConfiguration
    let context: NodeContext

    /// Makes whatever is missing. Call it with the node lock held.
    ///
    /// - Parameter mtu: The new pod's, in bytes. The bridge passes nothing larger than its own on to a pod.
    /// - Returns: The bridge.
    func prepare(mtu: Int) throws(CNIError) -> Link {
        var bridge = try existingBridge()
        if bridge == nil {
            try refuseClashes()
            try createBridge(mtu: mtu)
            bridge = try existingBridge()
        }
        guard let bridge else {
            throw CNIError(.tryAgainLater, "the bridge \(configuration.bridge) was deleted while it was being made")
        }
        try settle(bridge, mtu: mtu)
        return bridge
    }

    /// Gives the bridge the pods' gateway addresses, takes back those of ours that no pod has any more, as after a change
    /// of the node's subnets, and looks for foreign ones.
    ///
    /// - Parameter gateways: Those of the pod that is being added; those of the node's subnets are added to them.
    func ensureGateways(_ gateways: [IPAddress], on bridge: Link, records: RecordStore) throws(CNIError) {
        let own = context.subnets.map(\.bridgeAddress)
        let addresses = GatewayAddresses(
            socket: socket, bridge: bridge, wanted: own + gateways.filter { !own.contains($0) },
            replacesForeign: configuration.forceAddress, paths: context.paths, records: records)
        try addresses.ensure()
    }

    /// What is refused where nobody carries it; nil for a network without a tunnel, which has no say in that.
    var refusals: Refusals? {
        guard context.node != nil else { return nil }
        return Refusals(
            socket: socket, wanted: context.subnets.map(\.prefix) + context.overlayPrefixes, paths: context.paths)
    }

    private func existingBridge() throws(CNIError) -> Link? {
        let name = configuration.bridge
        let link = try reporting("cannot look for the bridge \(name)") { () throws(SystemError) in
            try socket.link(named: name)
        }
        if let link, !link.isBridge {
            throw CNIError(
                .invalidConfiguration,
                "field \"bridge\": \(name) exists and is \(link.kind.isEmpty ? "no bridge" : "a \(link.kind), no bridge")",
                details: "choose another \"bridge\" in the network configuration, or delete the device")
        }
        return link
    }

    private func createBridge(mtu: Int) throws(CNIError) {
        let name = configuration.bridge
        try reporting("cannot make the bridge \(name)") { () throws(SystemError) in
            try socket.perform(
                .createBridge(Bridge(name: name, mac: mac, mtu: mtu, isUp: false)).toleratingExistence())
        }
    }

    /// Always the same on one node, so that pods which outlive the bridge find it again.
    private var mac: MACAddress { KernelNames.bridgeMAC(configuration.bridge, of: context.node?.nodeID) }

    /// Brings the bridge up with the settings that routing needs, and installs the refusals.
    private func settle(_ bridge: Link, mtu: Int) throws(CNIError) {
        let name = configuration.bridge
        try reporting("cannot set up the bridge \(name)") { () throws(SystemError) in
            var requests: [RouteRequest] = []
            // One that somebody else made is treated as a new one, and that once: pinning its address again would make
            // the kernel forget the neighbours of all pods on it.
            let isNew = !bridge.isUp || bridge.mac != mac && !GatewayAddresses.areNoted(on: name, context.paths)
            if isNew {
                try Self.settleSysctls(name, wantsV6: context.subnets.contains { $0.family == .v6 })
                // Setting the address, even to what it is, pins it: else it follows the lowest of the ports'.
                requests.append(.changeLink(bridge.index, LinkChange(mac: bridge.mac)))
                requests.append(.changeLink(bridge.index, LinkChange(isUp: true)))
            }
            if mtu > bridge.mtu {
                requests.append(.changeLink(bridge.index, LinkChange(mtu: mtu)))
            }
            if configuration.promiscuous, bridge.promiscuity == 0 {
                requests.append(.changeLink(bridge.index, LinkChange(isPromiscuous: true)))
            }
            if !requests.isEmpty { try socket.perform(requests) }
            if isNew { try GatewayAddresses.prepareNotes(on: name, context.paths) }
            try refusals?.ensure()
        }
    }

    private static func settleSysctls(_ name: String, wantsV6: Bool) throws(SystemError) {
        // Pods of one node are routed in and out of the bridge; redirects would undo their static neighbours.
        try Sysctl.ensure("net", "ipv4", "conf", name, "send_redirects", value: "0")
        guard KernelFamilies.present.contains(.v6) else { return }
        if wantsV6 { try Sysctl.ensure("net", "ipv6", "conf", name, "disable_ipv6", value: "0") }
        for (setting, value) in [("accept_ra", "0"), ("accept_dad", "0"), ("accept_redirects", "0")] {
            try Sysctl.ensure("net", "ipv6", "conf", name, setting, value: value)
        }
    }

    /// Refuses overlay prefixes that already mean something else on this host.
    private func refuseClashes() throws(CNIError) {
        guard context.node != nil else { return }
        let clashes = try reporting("cannot read the host's addresses and routes") { () throws(SystemError) in
            let links = try socket.links()
            let names = Dictionary(links.map { ($0.index, $0.name) }) { first, _ in first }
            let addresses = try socket.addresses().map {
                ClashCheck.HostPrefix($0.prefix, device: names[$0.interfaceIndex] ?? "")
            }
            let routes = try socket.routes().filter { $0.kind == .unicast }.map {
                ClashCheck.HostPrefix($0.destination, device: $0.interfaceIndex.flatMap { names[$0] } ?? "")
            }
            return ClashCheck.all(
                settings: context.settings, addresses: addresses, routes: routes,
                bridges: Set(links.filter(\.isBridge).map(\.name)), own: [configuration.bridge])
        }
        if let clash = clashes.first { throw CNIError(.invalidConfiguration, clash.description) }
    }
}
