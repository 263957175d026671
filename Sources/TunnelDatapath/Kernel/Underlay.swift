import Addressing
internal import Host
internal import Netlink

/// What the host's routes say about the way to other nodes.
struct Underlay {
    /// The way to one address.
    struct Path: Equatable {
        /// The largest datagram that the route carries, IP header included, in bytes.
        var mtu: Int
    }

    let socket: RouteSocket
    private(set) var links: [Int32: Link] = [:]
    private var known: [IPAddress: Path?] = [:]

    /// Takes the host's links as they are now. To be made anew when they or the routes change.
    init(_ socket: RouteSocket) throws(SystemError) {
        self.socket = socket
        for link in try socket.links() { links[link.index] = link }
    }

    /// The way that a datagram of ours to `address` takes; nil where there is none, or where it leads back into the
    /// tunnel or to this host itself.
    mutating func path(to address: IPAddress) -> Path? {
        if let path = known[address] { return path }
        let path = lookUp(address)
        known[address] = path
        return path
    }

    private func lookUp(_ address: IPAddress) -> Path? {
        guard let route = try? socket.route(to: address, mark: UInt32(bitPattern: TunnelSocket.mark)),
            route.kind == .unicast, let index = route.interfaceIndex, let link = links[index],
            link.name != OverlayNetwork.deviceName
        else { return nil }
        return Path(mtu: min(link.mtu, route.mtu.map { Int(clamping: $0) } ?? link.mtu))
    }

    /// The MTU of the device that the default route leads to; nil without one.
    func uplinkMTU() -> Int? {
        guard let routes = try? socket.routes() else { return nil }
        let indices = routes.filter { $0.destination.length == 0 }.flatMap(\.interfaceIndices)
        return indices.compactMap { links[$0]?.mtu }.min()
    }
}
