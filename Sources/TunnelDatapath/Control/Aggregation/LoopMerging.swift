internal import Glibc
internal import Host
internal import KernelPath
internal import Netlink
internal import Overlay

/// The bare packets pass a pair of veths, whose second end merges them as a network card's driver does.
struct LoopMerging: MergingWay {
    private static let (entry, exit) = (KernelNames.mergeEntry, KernelNames.mergeExit)
    /// Longer than any packet that a device of a node can have received.
    private static let mtu = 65535

    let name = "a GRO loop"
    let label = "loop"
    let routes: RouteSocket

    func prepare(_ uplinks: [Link]) throws(SystemError) -> MergingParts {
        let pair = try routes.ensureVethPair(Self.entry, Self.exit, mtu: Self.mtu)
        for name in [Self.entry, Self.exit] {
            do throws(SystemError) {
                // Else each end reports its multicast groups to the other, ten times a second and for ever.
                try Sysctl.ensure("net", "ipv6", "conf", name, "disable_ipv6", value: "1")
            } catch  where error.code == ENOENT {
                // This kernel has no IPv6.
            }
        }
        let features = try DeviceFeatures()
        // A veth merges what it receives only where its peer cuts what it sends.
        try features.set(["tx-tcp-segmentation": false, "tx-tcp6-segmentation": false], of: pair.first.index)
        try features.set(["rx-gro": true], of: pair.second.index)
        guard let mac = pair.second.mac else {
            throw SystemError("get link", Self.exit, code: 19, detail: "it has no MAC address")
        }
        return MergingParts(loop: Surroundings.Loop(entry: pair.first.index, exit: pair.second.index, mac: mac))
    }

    func remove() throws(SystemError) {
        guard let link = try routes.link(named: Self.entry), link.isVeth else { return }
        try routes.perform([.deleteLink(link.index).toleratingAbsence()])
    }
}
