internal import Glibc
internal import Host
internal import KernelPath
internal import Netlink
internal import Overlay

/// What has received datagrams merged before the kernel path delivers them: one large packet costs hardly more than a small
/// one. Chooses, and makes the devices that the choice needs.
struct Aggregation {
    private static let (entry, exit) = (KernelNames.mergeEntry, KernelNames.mergeExit)
    /// Longer than any packet that a device of a node can have received.
    private static let loopMTU = 65535

    /// For people to read: what is in use, and why.
    let description: String
    let loop: Surroundings.Loop?

    /// - Parameter uplinks: The devices by which other nodes are reached.
    init(_ settings: Settings, uplinks: [Link], _ routes: RouteSocket) throws(SystemError) {
        switch settings.aggregation {
        case .none:
            (description, loop) = ("no receive aggregation: the settings say so", nil)
        case .loop:
            (description, loop) = ("receive aggregation by a GRO loop: the settings say so", try Self.makeLoop(routes))
        case .gue, .xdp:
            throw SystemError(
                "use aggregation", settings.aggregation.rawValue, code: EOPNOTSUPP,
                detail: "it is not in this version; use \"auto\", \"loop\" or \"none\"")
        case .auto:
            if try Self.passSuperPackets(uplinks) {
                (description, loop) = ("no receive aggregation: the uplinks pass super-packets", nil)
            } else {
                (description, loop) = ("receive aggregation by a GRO loop", try Self.makeLoop(routes))
            }
        }
        if loop == nil { try Self.remove(routes) }
    }

    /// True where all uplinks are a machine's inner ones, as veth and virtio, and cut nothing: then they receive what others
    /// have not cut either.
    private static func passSuperPackets(_ uplinks: [Link]) throws(SystemError) -> Bool {
        let features = try DeviceFeatures()
        for uplink in uplinks {
            guard ["veth", "virtio_net"].contains(try DeviceFeatures.driver(of: uplink.name) ?? "") else {
                return false
            }
            let cuts = try features.features(of: uplink.index).contains { $0.name == "tx-tcp-segmentation" && !$0.isOn }
            if cuts { return false }
        }
        return !uplinks.isEmpty
    }

    private static func makeLoop(_ routes: RouteSocket) throws(SystemError) -> Surroundings.Loop {
        let pair = try routes.ensureVethPair(entry, exit, mtu: loopMTU)
        let features = try DeviceFeatures()
        // A veth merges what it receives only where its peer cuts what it sends.
        try features.set(["tx-tcp-segmentation": false, "tx-tcp6-segmentation": false], of: pair.first.index)
        try features.set(["rx-gro": true], of: pair.second.index)
        guard let mac = pair.second.mac else {
            throw SystemError("get link", exit, code: 19, detail: "it has no MAC address")
        }
        return Surroundings.Loop(entry: pair.first.index, exit: pair.second.index, mac: mac)
    }

    /// Takes the devices away. Does nothing where there are none.
    static func remove(_ routes: RouteSocket) throws(SystemError) {
        guard let link = try routes.link(named: entry), link.isVeth else { return }
        try routes.perform([.deleteLink(link.index).toleratingAbsence()])
    }
}
