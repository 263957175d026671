internal import Addressing
internal import CNI
internal import Host
internal import Netlink

/// Looks at the pod's end of an attachment.
struct PodInspection {
    let name: String
    /// In the pod's namespace.
    let socket: RouteSocket
    let bridge: Link?
    let hostEnd: Link?
    /// The kernel forgets all neighbours of an interface whose hardware address is changed.
    let expectsNeighbours: Bool

    /// - Parameter mac: The hardware address that the interface should have; nil or empty where nobody said.
    func run(
        _ entries: [Assignment.Entry], routes: [AttachmentResult.Route], mac: String?
    ) throws(SystemError) -> [String] {
        var findings = Findings()
        guard let link = try socket.link(named: name) else { return ["the interface \(name) is missing in the pod"] }
        findings.expect(link.isVeth, "the interface \(name) in the pod is no veth")
        findings.expect(link.isUp, "the interface \(name) in the pod is down")
        if let hostEnd {
            findings.expect(
                link.peerIndex == hostEnd.index && hostEnd.peerIndex == link.index,
                "the interface \(name) in the pod is not the peer of \(hostEnd.name)")
        }
        if let mac, !mac.isEmpty {
            let present = link.mac?.description ?? "none"
            findings.expect(
                mac.lowercased() == present, "the interface \(name) in the pod has the MAC \(present), not \(mac)")
        }
        findings.add(try addressFindings(entries, link))
        findings.add(try routeFindings(entries, routes, link))
        if expectsNeighbours { findings.add(try neighbourFindings(entries, link)) }
        return findings.texts
    }

    private func addressFindings(_ entries: [Assignment.Entry], _ link: Link) throws(SystemError) -> [String] {
        let present = Set(try socket.addresses(on: link.index).map(\.prefix.address))
        return entries.map(\.address).filter { !present.contains($0) }.map {
            "the address \($0) is missing on \(name) in the pod"
        }
    }

    /// The route may be in any table: source-based routing moves it.
    private func routeFindings(
        _ entries: [Assignment.Entry], _ routes: [AttachmentResult.Route], _ link: Link
    ) throws(SystemError) -> [String] {
        let gateways = Set(entries.map(\.gateway))
        let wanted = routes.filter { route in route.gateway.map(gateways.contains) == true }
        if wanted.isEmpty { return [] }
        let present = try socket.routes(table: nil)
        return wanted.filter { route in
            !present.contains {
                $0.destination == route.destination.network && $0.gateway == route.gateway
                    && $0.interfaceIndices.contains(link.index)
            }
        }.map { route in
            "the route \(route.destination)\(route.gateway.map { " via \($0)" } ?? "") is missing in the pod"
        }
    }

    private func neighbourFindings(_ entries: [Assignment.Entry], _ link: Link) throws(SystemError) -> [String] {
        guard let bridge, !entries.isEmpty else { return [] }
        let present = try socket.neighbours(on: link.index)
        return Set(entries.map(\.gateway)).sorted().filter { gateway in
            !present.contains { $0.address == gateway && $0.mac == bridge.mac && $0.isPermanent }
        }.map { "the neighbour entry of the gateway \($0) is missing or wrong in the pod" }
    }
}
