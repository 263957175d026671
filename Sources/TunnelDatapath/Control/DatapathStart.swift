internal import Glibc
internal import Host
internal import KernelPath
internal import Netlink
internal import Overlay
internal import PacketPath

/// The datapath in the kernel, and what it must follow.
struct KernelLayer {
    let path: KernelPath
    let surroundings: KernelSurroundings
}

/// Puts the datapaths in force that the settings ask for and this kernel can.
struct DatapathStart {
    /// What carries packets from now on.
    struct Result {
        let user: TunDatapath
        /// What carries most packets before they come to `user`; nil where user space is alone.
        let kernel: KernelLayer?
        let aggregation: Aggregation
        /// Why it is so, for people to read.
        let reason: String
    }

    private let paths: NodePaths
    private let settings: Settings
    private let kernel: NodeKernel
    private let pins: BPFFileSystem
    private let tracking: LiberalTracking

    init(_ paths: NodePaths, _ settings: Settings, _ kernel: NodeKernel) {
        self.paths = paths
        self.settings = settings
        self.kernel = kernel
        pins = BPFFileSystem(paths.pins)
        tracking = LiberalTracking(paths)
    }

    /// - Throws: Where the settings insist on what this kernel cannot do.
    func open(_ plan: ForwardingPlan, ownSubnets: [NodeSubnet]) throws(SystemError) -> Result {
        if settings.datapath == .tun { return try openUserAlone(plan, because: "the settings say so") }
        do throws(SystemError) {
            return try openBoth(plan, ownSubnets: ownSubnets)
        } catch {
            guard settings.datapath == .ebpf else {
                return try openUserAlone(plan, because: "eBPF cannot be used here: \(error)")
            }
            throw SystemError(
                error.operation, error.subject, code: error.code,
                detail: "\(error.detail); set \"datapath\" to \"auto\" or \"tun\" in the settings file")
        }
    }

    private func openBoth(_ plan: ForwardingPlan, ownSubnets: [NodeSubnet]) throws(SystemError) -> Result {
        // Before anything is made for them.
        _ = try KernelPath.probe()
        let aggregation = try Aggregation(settings, uplinks: kernel.underlay.uplinks, kernel)
        // First: it makes the device at which the programs are.
        let user = try Self.openUser(settings, plan, port: aggregation.socketPort)
        do throws(SystemError) {
            let surroundings = try KernelSurroundings(paths, kernel.routes, aggregation)
            guard let now = try surroundings.look(kernel.underlay, ownSubnets: ownSubnets) else {
                throw SystemError("get link", KernelNames.tunnelDevice, code: ENODEV)
            }
            let path = try KernelPath(
                Capabilities.kernelOptions(settings), pins: pins, tracking, plan: plan, now)
            if settings.aggregation == .xdp, let refusal = path.earlyRefusals.first {
                throw SystemError("use aggregation", settings.aggregation.rawValue, code: EOPNOTSUPP, detail: refusal)
            }
            return Result(
                user: user, kernel: KernelLayer(path: path, surroundings: surroundings), aggregation: aggregation,
                reason: settings.datapath == .ebpf ? "the settings say so" : "this kernel can do it")
        } catch {
            user.stop()
            throw error
        }
    }

    private func openUserAlone(_ plan: ForwardingPlan, because reason: String) throws(SystemError) -> Result {
        let aggregation = try Aggregation(none: settings, kernel, because: "the datapath is not ebpf")
        let user = try Self.openUser(settings, plan, port: aggregation.socketPort)
        return Result(user: user, kernel: nil, aggregation: aggregation, reason: reason)
    }

    /// Takes away what a former daemon has left in the kernel, or a try that failed. To be called where user space is alone,
    /// when everything else is as it is to be: until then, former programs carry packets.
    func removeKernelLayer() throws(SystemError) {
        try KernelPath.remove(pins)
        try tracking.restore()
        try Aggregation.remove(settings, kernel.routes)
    }

    /// - Parameter port: Where datagrams are received: the tunnel's, or another one where the kernel itself holds that.
    static func openUser(_ settings: Settings, _ plan: ForwardingPlan, port: UInt16) throws(SystemError) -> TunDatapath
    {
        try TunDatapath(
            device: KernelNames.tunnelDevice, port: port, options: Capabilities.options(settings), plan: plan)
    }
}
