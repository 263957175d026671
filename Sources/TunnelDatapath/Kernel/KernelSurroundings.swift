import Addressing
internal import Host
internal import KernelPath
internal import Netlink
internal import Overlay

/// Looks at what the kernel path must know of this host.
final class KernelSurroundings {
    private let routes: RouteSocket
    private let veths: PodVeths
    private let watch: PodWatch
    private let aggregation: Aggregation

    /// Readable when something may have changed, each of them.
    var descriptors: [Int32] { watch.descriptors }

    init(_ paths: NodePaths, _ routes: RouteSocket, _ aggregation: Aggregation) throws(SystemError) {
        self.routes = routes
        self.aggregation = aggregation
        veths = PodVeths(paths, routes, try? Nftables(), isOurs: TCFilter.isOurs)
        watch = try PodWatch(paths)
    }

    func drain() { watch.drain() }

    /// What it is now; nil while the tunnel device is missing.
    ///
    /// - Parameter learnedMTUs: What the network has reported of the ways to other nodes, in bytes.
    func look(
        _ underlay: Underlay, ownSubnets: [NodeSubnet], learnedMTUs: [IPAddress: Int] = [:]
    ) throws(SystemError) -> Surroundings? {
        guard let tunnel = try routes.link(named: KernelNames.tunnelDevice) else { return nil }
        let uplinks = underlay.uplinks
        let merging = try aggregation.prepare(uplinks)
        let pods = try veths.pods().byInterface.values.sorted { $0.interfaceIndex < $1.interfaceIndex }
        return Surroundings(
            tunnelDevice: tunnel.index,
            uplinks: uplinks.map { .init(index: $0.index, hasEthernetHeader: $0.hasEthernetHeader) },
            loop: merging.loop, idleDevice: merging.idleDevice, stripsEarly: merging.stripsEarly,
            pods: pods.map { pod in
                Surroundings.Pod(
                    device: pod.interfaceIndex, hostMAC: pod.hostMAC, bridge: pod.bridge, mac: pod.mac,
                    addresses: pod.addresses, isBypassable: !pod.isShaped)
            }, hostAddresses: ownSubnets.flatMap { [$0.tunnelAddress, $0.bridgeAddress] }, learnedMTUs: learnedMTUs)
    }
}

extension Underlay {
    /// The devices by which datagrams of other nodes can come in, in the order of their numbers: those by which there is a
    /// way to others, or that have an address which others can know.
    var uplinks: [Link] {
        let isOfAnyLink = { (address: IPAddress) in address.isLinkLocal || address.isMulticast }
        let indices = Set(addresses.filter { !isOfAnyLink($0.prefix.address) }.map(\.interfaceIndex))
            .union(routes.filter { !isOfAnyLink($0.destination.address) }.flatMap(\.interfaceIndices))
        return links.values.filter { indices.contains($0.index) && !$0.isLoopback && $0.isUp }
            .sorted { $0.index < $1.index }
    }
}
