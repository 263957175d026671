internal import Addressing
internal import CNI
internal import Host
internal import Netlink
internal import Overlay

/// Looks at the host's end of an attachment, and at what it shares with the other pods.
struct HostInspection {
    let configuration: PluginConfiguration
    let context: NodeContext
    let socket: RouteSocket
    let bridge: Link?
    let hostEnd: Link?
    let hostInterface: String

    /// - Parameter mac: The hardware address of the pod; nil or empty where nobody said.
    func run(_ entries: [Assignment.Entry], mac: String?) throws(SystemError) -> [String] {
        var findings = Findings()
        let name = configuration.bridge
        findings.add(hostEndFindings())
        guard let bridge, bridge.isBridge else { return findings.texts + ["the bridge \(name) is missing"] }
        findings.expect(bridge.isUp, "the bridge \(name) is down")
        findings.add(try gatewayFindings(entries, bridge))
        findings.add(try reachabilityFindings(entries, bridge, mac))
        findings.add(try forwardingFindings(entries))
        findings.add(try refusalFindings())
        return findings.texts
    }

    private func hostEndFindings() -> [String] {
        guard let hostEnd, hostEnd.isVeth else { return ["the host's interface \(hostInterface) is missing"] }
        var findings = Findings()
        findings.expect(hostEnd.isUp, "the host's interface \(hostInterface) is down")
        if let bridge {
            findings.expect(
                hostEnd.master == bridge.index,
                "the host's interface \(hostInterface) is not a port of the bridge \(bridge.name)")
        }
        if let port = hostEnd.bridgePort {
            findings.expect(
                port.hairpin == configuration.hairpin,
                "hairpin mode of \(hostInterface) is not \(configuration.hairpin ? "on" : "off")")
            findings.expect(
                port.isolated == nil || port.isolated == configuration.portIsolation,
                "port isolation of \(hostInterface) is not \(configuration.portIsolation ? "on" : "off")")
            findings.expect(
                !configuration.spoofCheck || port.locked == true,
                "\(hostInterface) lets frames with a foreign source address through")
        }
        return findings.texts
    }

    private func gatewayFindings(_ entries: [Assignment.Entry], _ bridge: Link) throws(SystemError) -> [String] {
        let present = Set(try socket.addresses(on: bridge.index).map(\.prefix.address))
        return Set(entries.map(\.gateway)).subtracting(present).sorted().map {
            "the gateway address \($0) is missing on the bridge \(bridge.name)"
        }
    }

    private func reachabilityFindings(
        _ entries: [Assignment.Entry], _ bridge: Link, _ mac: String?
    ) throws(SystemError) -> [String] {
        var findings = Findings()
        let neighbours = entries.isEmpty ? [] : try socket.neighbours(on: bridge.index)
        for entry in entries {
            let neighbour = neighbours.first { $0.address == entry.address }
            findings.expect(
                isUsable(neighbour, mac: mac),
                "the neighbour entry of \(entry.address) is missing or wrong on the bridge \(bridge.name)")
            findings.expect(
                routeLeads(to: entry.address, through: bridge),
                "the host's route to \(entry.address) through the bridge \(bridge.name) is missing")
        }
        return findings.texts
    }

    /// The kernel asks for what it does not know and finds out what is no longer so; only a permanent entry stays wrong.
    private func isUsable(_ neighbour: Neighbour?, mac: String?) -> Bool {
        guard let neighbour, neighbour.isPermanent else { return !configuration.spoofCheck }
        guard let mac, !mac.isEmpty else { return true }
        return neighbour.mac?.description == mac.lowercased()
    }

    /// Asks the kernel where it would send a packet, because other rules and tables may overrule ours.
    private func routeLeads(to address: IPAddress, through bridge: Link) -> Bool {
        do throws(SystemError) {
            return try socket.route(to: address).interfaceIndex == bridge.index
        } catch {
            return false
        }
    }

    private func forwardingFindings(_ entries: [Assignment.Entry]) throws(SystemError) -> [String] {
        var findings: [String] = []
        for family in Set(entries.map(\.address.family)).sorted(by: { $0.rawValue < $1.rawValue }) {
            if try !HostForwarding.isOn(family) { findings.append("\(family) forwarding is off") }
        }
        return findings
    }

    private func refusalFindings() throws(SystemError) -> [String] {
        let network = NodeNetwork(socket: socket, configuration: configuration, context: context)
        guard let wanted = network.refusals?.wanted else { return [] }
        let present = try socket.routes().filter { $0.kind == .unreachable && $0.metric == KernelNames.refusalMetric }
        return wanted.filter { prefix in
            !present.contains { $0.destination == prefix }
        }.map { "the route unreachable \($0), which keeps overlay traffic off the uplink, is missing" }
    }
}
