import Addressing
import CNI
import Host
import Netlink
import Overlay

/// The devices that Warrens makes. What others made is never deleted, though pods were attached to it.
struct LinkRemains {
    let paths: NodePaths
    let node: LocalNode?
    let socket: RouteSocket

    /// - Returns: What was done, a line for each object.
    func remove() throws(SystemError) -> [String] {
        let records = RecordedInterface.all(paths)
        let bridges = try PodBridge.all(socket, paths: paths, node: node, records: records)
        let links = try socket.links()
        let pods = podInterfaces(links, bridges, records)
        let tunnel = links.filter {
            $0.name == KernelNames.tunnelDevice && $0.kind == "tun" || $0.name == KernelNames.mergeEntry && $0.isVeth
                || $0.name == KernelNames.mergeGPE && $0.kind == "vxlan"
        }
        let going = Set(pods.map(\.index))
        let doomed = bridges.filter { bridge in
            bridge.isMadeHere && !links.contains { $0.master == bridge.link.index && !going.contains($0.index) }
        }
        let devices = pods + doomed.map(\.link) + tunnel
        try socket.perform(devices.map { .deleteLink($0.index).toleratingAbsence() })
        var lines = devices.map { "removed device \($0.name)" }
        let gone = Set(doomed.map(\.link.index))
        for bridge in bridges where !gone.contains(bridge.link.index) {
            lines += try clear(bridge, records)
            let reason = bridge.isMadeHere ? "has other ports" : "was there before Warrens"
            lines.append("left bridge \(bridge.link.name), which \(reason)")
        }
        return lines
    }

    /// The hosts' ends of the pods' pairs. A port with any other name is somebody else's.
    private func podInterfaces(_ links: [Link], _ bridges: [PodBridge], _ records: [RecordedInterface]) -> [Link] {
        let recorded = Set(records.map(\.name))
        let indices = Set(bridges.map(\.link.index))
        return links.filter { link in
            let isPort = link.master.map(indices.contains) ?? false
            return link.isVeth
                && (recorded.contains(link.name) || isPort && Attachment.isHostInterfaceName(link.name))
        }
    }

    /// Takes the gateways from a bridge that stays, and the ways to the pods that were there.
    private func clear(_ bridge: PodBridge, _ records: [RecordedInterface]) throws(SystemError) -> [String] {
        let index = bridge.link.index
        let pods = Set(records.filter { $0.bridge == bridge.link.name }.flatMap(\.addresses))
        let subnets = (node.map { $0.subnets + $0.draining } ?? []).map(\.prefix)
        let isPod = { (address: IPAddress) in
            pods.contains(address) || subnets.contains { $0.contains(address) }
        }
        let routes = try socket.routes().filter { route in
            route.kind == .unicast && route.destination.isHost && route.interfaceIndices == [index]
                && isPod(route.destination.address)
        }
        let neighbours = try socket.neighbours(on: index).map(\.address).filter(isPod)
        try socket.perform(
            bridge.gateways.map { .deleteAddress($0, from: index).toleratingAbsence() }
                + routes.map { .deleteRoute($0).toleratingAbsence() }
                + neighbours.map { .deleteNeighbour($0, on: index).toleratingAbsence() })
        return bridge.gateways.map { "removed address \($0.address) of \(bridge.link.name)" }
            + routes.map { "removed route \($0)" }
    }
}
