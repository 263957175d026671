internal import Host
internal import KernelPath
internal import Netlink
internal import Overlay

/// What has received datagrams merged on this node. Chosen once: what `warrensd` receives on follows from it.
final class Aggregation {
    /// Nil where nothing merges.
    private let way: (any MergingWay)?
    /// Why it is so, for people to read.
    private let reason: String
    /// Only while packets of the wire's size come in.
    private let isForCutPackets: Bool
    private let ports: (tunnel: UInt16, local: UInt16)
    private let routes: RouteSocket
    private var isIdle = false

    /// The port that `warrensd` itself receives on.
    var socketPort: UInt16 { sharing?.localPort ?? ports.tunnel }

    /// How it shares the tunnel's port with the kernel; nil where it has that for itself.
    var sharing: PortSharing? {
        way?.holdsPort == true ? PortSharing(port: ports.tunnel, localPort: ports.local) : nil
    }

    /// For people to read: what is in use, and why.
    var description: String {
        guard let way else { return "no receive aggregation: \(reason)" }
        return isIdle
            ? "no receive aggregation: the uplinks pass super-packets" : "receive aggregation by \(way.name): \(reason)"
    }

    /// For programs to read: `loop`.
    var label: String { isIdle ? "none" : way?.label ?? "none" }

    /// Nothing merges.
    init(none settings: Settings, _ kernel: NodeKernel, because reason: String) throws(SystemError) {
        (way, isForCutPackets, self.reason) = (nil, false, reason)
        (ports, routes) = ((settings.port, settings.localPort), kernel.routes)
        try releaseUnusedPort()
    }

    /// - Parameter uplinks: The devices by which other nodes are reached.
    /// - Throws: Where the settings insist on what this host cannot do.
    init(_ settings: Settings, uplinks: [Link], _ kernel: NodeKernel) throws(SystemError) {
        let choice = try AggregationChoice(settings, uplinks, kernel)
        (way, isForCutPackets, reason) = (choice.way, choice.isForCutPackets, choice.reason)
        (ports, routes) = ((settings.port, settings.localPort), kernel.routes)
        try releaseUnusedPort()
    }

    /// Makes what packets pass, and follows what the uplinks are like now.
    func prepare(_ uplinks: [Link]) throws(SystemError) -> MergingParts {
        guard let way else { return MergingParts() }
        isIdle = isForCutPackets ? try UplinkTraits.passSuperPackets(uplinks) : false
        return isIdle ? MergingParts() : try way.prepare(uplinks)
    }

    /// Has the kernel merge, and takes away what has it do so in other ways. To be called once the programs follow
    /// ``prepare(_:)``.
    func settle() throws(SystemError) {
        if isIdle { try way?.remove() } else { try way?.start() }
        if !(way is LoopMerging) { try LoopMerging(routes: routes).remove() }
    }

    /// Takes from the kernel what it holds of the tunnel's port for a way that is not in use, so that `warrensd` can have it.
    private func releaseUnusedPort() throws(SystemError) {
        if !(way is GUEMerging) { try GUEMerging.remove(port: ports.tunnel) }
        if !(way is GPEMerging) { try GPEMerging.remove(routes) }
    }

    /// Gives the tunnel's port back. Packets are carried on as before, but no longer merged.
    func releasePort(_ kernel: NodeKernel) {
        guard let way, way.holdsPort else { return }
        // What cannot be taken away now, the next one takes over.
        try? way.remove()
        try? kernel.endSharing()
    }

    /// Takes away what any way has made.
    static func remove(_ settings: Settings, _ routes: RouteSocket) throws(SystemError) {
        try GUEMerging.remove(port: settings.port)
        try GPEMerging.remove(routes)
        try LoopMerging(routes: routes).remove()
    }
}
