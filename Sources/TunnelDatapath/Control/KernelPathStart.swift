internal import Glibc
internal import Host
internal import KernelPath
internal import Netlink
internal import Overlay
internal import PacketPath

/// Decides whether the kernel carries packets here.
struct KernelPathStart {
    private let settings: Settings
    private let pins: BPFFileSystem
    private let routes: RouteSocket

    init(_ paths: NodePaths, _ settings: Settings, _ routes: RouteSocket) {
        self.settings = settings
        self.routes = routes
        pins = BPFFileSystem(paths.pins)
    }

    /// Puts the kernel path in force where the settings ask for it; takes away a former one where not.
    ///
    /// - Returns: Nil for user space alone; and why it is so.
    /// - Throws: Where the settings insist on what this kernel cannot do.
    func open(
        _ plan: ForwardingPlan, _ surroundings: KernelSurroundings?, _ underlay: Underlay, ownSubnets: [NodeSubnet]
    ) throws(SystemError) -> (KernelPath?, reason: String) {
        guard settings.datapath == .ebpf, let surroundings else {
            try remove()
            return (nil, settings.datapath == .tun ? "the settings say so" : "ebpf has to be asked for as yet")
        }
        do throws(SystemError) {
            guard let surroundings = try surroundings.look(underlay, ownSubnets: ownSubnets) else {
                throw SystemError("get link", KernelNames.tunnelDevice, code: 19)
            }
            let path = try KernelPath(
                Capabilities.kernelOptions(settings), pins: pins, plan: plan, surroundings)
            if settings.aggregation == .xdp, let refusal = path.earlyRefusals.first {
                throw SystemError("use aggregation", settings.aggregation.rawValue, code: EOPNOTSUPP, detail: refusal)
            }
            if settings.fastPath == .on { prepareConnectionTracking() }
            return (path, "the settings say so")
        } catch {
            throw SystemError(
                error.operation, error.subject, code: error.code,
                detail: "\(error.detail); set \"datapath\" to \"auto\" or \"tun\" in the settings file")
        }
    }

    /// A flow that comes back to the stack, as when its entry in the map of flows was needed for another, is far from where
    /// connection tracking saw it last. Strict about TCP windows, it would call each such packet invalid.
    private func prepareConnectionTracking() {
        _ = try? Sysctl.ensure("net", "netfilter", "nf_conntrack_tcp_be_liberal", value: "1")
    }

    private func remove() throws(SystemError) {
        try KernelPath.remove(pins)
        try Aggregation.remove(settings, routes)
    }
}
