import Addressing
internal import Host
internal import KernelPath
internal import Logging
internal import Overlay
internal import PacketPath

/// Makes datapath and kernel agree with the node file, the settings and this node's identity, whenever it is told that one
/// of them has changed. Waits for nothing by itself.
final class Reconciler {
    /// Bounds how long one change of the node file may keep the control thread: each draws new subnets at random.
    private static let renumberingsAtOnce = 8

    let kernel: NodeKernel
    let resolver: NameResolver
    private(set) var settings: Settings
    private(set) var identity: Identity
    private(set) var loader: RegistryLoader
    private(set) var datapaths: DatapathKeeper
    /// What a person should know; others have reasons of their own to add some.
    var warnings = Warnings()

    private let paths: NodePaths
    private let log: Logger
    private let timers: Timers
    private var hostNames = HostNames()
    private var mtu = 0
    private var hostProblems: [NodeProblem] = []

    /// Reads what there is and opens the datapath.
    init(paths: NodePaths, settings: Settings, timers: Timers, log: Logger) throws(StartError) {
        self.paths = paths
        self.settings = settings
        self.timers = timers
        self.log = log
        do throws(OverlayError) {
            identity = try Identity(paths: paths, settings: settings, log: log)
        } catch {
            throw StartError(error)
        }
        do throws(SystemError) {
            kernel = try NodeKernel(ownSubnets: Self.subnets(identity), formerMTU: Self.formerMTU(paths))
        } catch {
            throw StartError(error)
        }
        if let clash = kernel.underlay.clashes(settings).first { throw StartError(clash.description) }
        do throws(SystemError) {
            loader = RegistryLoader(path: paths.root + settings.nodeFile)
            resolver = try NameResolver()
            // The registry comes first: a device that opens while nothing is known would answer packets to peers that
            // we are about to know with "unreachable".
            loader.read(settings: settings)
            hostNames.add(loader.rebuild(node: identity.node, settings: settings, facts: kernel.underlay.facts))
            let maker = PlanMaker(
                settings: settings, node: identity.node, registry: loader.registry, underlay: kernel.underlay,
                resolved: [:])
            let plan = maker.plan(for: loader.registry.peers)
            let demands = maker.demands(of: plan)
            datapaths = DatapathKeeper(
                try DatapathStart(paths, settings, kernel).open(plan, ownSubnets: Self.subnets(identity)), demands)
        } catch {
            throw StartError(error)
        }
    }

    /// Makes everything ready: once this returns, packets are carried.
    func begin() throws(SystemError) {
        describeStart()
        settleRegistry()
        try applyAll()
        if datapaths.kernelLayer == nil { try DatapathStart(paths, settings, kernel).removeKernelLayer() }
    }

    /// What the last daemon left, in bytes.
    private static func formerMTU(_ paths: NodePaths) -> Int? {
        let text = (try? Files.readIfPresent(paths.mtu)) ?? []
        return Int(String(decoding: text.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self))
    }

    /// All subnets that pods of this node may have addresses of.
    private static func subnets(_ identity: Identity) -> [NodeSubnet] { identity.node.subnets + identity.node.draining }

    private func describeStart() {
        let node = identity.node
        let layers = datapaths.layers
        log.notice(
            "started",
            metadata: [
                "version": "\(Daemon.version)", "node": "\(node.name)", "nodeID": "\(node.nodeID)",
                "subnets": "\(node.subnets.map(\.description).joined(separator: ","))", "datapath": "\(layers.name)",
                "reason": "\(datapaths.reason)", "offloads": "\(layers.offloads)",
                "peers": "\(loader.registry.peers.count)",
            ])
        if let error = loader.lastError { tellBadFile(error) }
        RegistryLog(log).tell(loader.registry.problems, loader.registry.conflicts)
        for family in node.missingFamilies {
            warnings.set("family.\(family)", "this kernel has no \(family): pods get no addresses of it")
        }
        if let limitation = kernel.limitation { warnings.set("limitation", limitation) }
        for warning in warnings.texts { log.warning("\(warning)") }
    }

    // MARK: What has changed

    /// Works by other settings from now on, as far as they may change while packets flow.
    func adopt(_ fresh: Settings) throws(OverlayError) {
        try Capabilities.check(fresh, source: paths.settings)
        try Capabilities.checkChange(from: settings, to: fresh, source: paths.settings)
        if let clash = kernel.underlay.clashes(fresh).first {
            throw OverlayError(source: paths.settings, problem: clash.problem, remedy: clash.remedy)
        }
        try identity.reload(fresh)
        settings = fresh
        datapaths.addEverything()
    }

    func readNodeFile() {
        let started = monotonicNanoseconds()
        loader.read(settings: settings)
        if let error = loader.lastError { tellBadFile(error) }
        rebuildRegistry()
        log.debug(
            "node file is read", metadata: ["milliseconds": "\((monotonicNanoseconds() - started) / 1_000_000)"])
    }

    func readKernel() {
        if (try? kernel.refresh(ownSubnets: Self.subnets(identity))) ?? true {
            datapaths.addEverything()
            rebuildRegistry()
            tellClashes()
        }
        if identity.dropDrained(settings) { rebuildRegistry() }
    }

    func takeResolvedNames() {
        log.info("host names of peers are resolved", metadata: ["names": "\(resolver.addresses.count)"])
        for peer in loader.registry.peers where hostNames.isNeeded(for: peer) { datapaths.add(peer) }
    }

    /// The tunnel device was removed under us: it is made again, with all that hangs on it.
    func takeLoss() {
        log.warning("the tunnel device is gone; making it again", metadata: ["device": "\(KernelNames.tunnelDevice)"])
        datapaths.addLoss()
    }

    /// A host that joins another network while the daemon runs may meet the overlay's prefixes there.
    private func tellClashes() {
        let clash = kernel.underlay.clashes(settings).first?.description
        if let clash, !warnings.texts.contains(clash) {
            log.error("the overlay hides a network", metadata: ["clash": "\(clash)"])
        }
        warnings.set("clash", clash)
    }

    private func tellBadFile(_ error: OverlayError) {
        log.error("node file cannot be used; what it last said stays in force", metadata: ["error": "\(error)"])
    }

    // MARK: The registry

    private func rebuildRegistry() {
        renewRegistry()
        settleRegistry()
    }

    private func renewRegistry() {
        let difference = loader.rebuild(node: identity.node, settings: settings, facts: kernel.underlay.facts)
        datapaths.add(difference)
        hostNames.add(difference)
        RegistryLog(log).tell(difference, loader.registry)
    }

    /// Gives way where another node holds our subnets by the better claim, and again where the next choice is taken,
    /// too.
    private func settleRegistry() {
        for _ in 0..<Self.renumberingsAtOnce {
            let former = identity.node
            let failure = identity.settle(loader.registry.lost, settings)
            warnings.set("conflict", failure ?? identity.advice(loader.registry.selfEntry))
            warnings.set("self", loader.registry.selfAbsence)
            guard identity.node != former else { return }
            renewRegistry()
        }
    }

    // MARK: Making it so

    /// Has datapath and kernel agree with all that was read; what fails is told, and tried again soon.
    func apply() {
        do throws(SystemError) {
            try applyAll()
            warnings.clear("kernel")
        } catch {
            warnings.set("kernel", "\(error)")
            log.error("kernel cannot be set up", metadata: ["error": "\(error)"])
            timers.kernel.set(milliseconds: 5000)
        }
    }

    private func applyAll() throws(SystemError) {
        if identity.node.claim.since == nil {
            if identity.date(settings) { rebuildRegistry() } else { timers.claim.set(milliseconds: 600_000) }
        }
        let maker = PlanMaker(
            settings: settings, node: identity.node, registry: loader.registry, underlay: kernel.underlay,
            resolved: resolver.addresses)
        let started = monotonicNanoseconds()
        let count = try datapaths.tell(maker, loader.registry)
        log.debug(
            "datapath follows",
            metadata: ["peers": "\(count)", "microseconds": "\((monotonicNanoseconds() - started) / 1000)"])
        try resolver.want(hostNames.all)
        let problems = datapaths.demands.problems
        RegistryLog(log).tell(problems.filter(Set(problems).subtracting(hostProblems).contains))
        hostProblems = problems
        var network = maker.network(datapaths.demands)
        network.outlivesDaemon = datapaths.kernelLayer != nil
        if network.mtu != mtu || !Files.exists(paths.mtu) {
            try Files.replace(paths.mtu, with: "\(network.mtu)\n".utf8)
            mtu = network.mtu
        }
        for change in try kernel.reconcile(network, maker.masquerade, datapaths.aggregation.sharing) {
            log.info("kernel changed", metadata: ["change": "\(change)"])
        }
        try followSurroundings()
        // At once where it had no need so far; else in its time.
        if greetingPeriod != nil { timers.keepAlive.set(milliseconds: 1) }
    }

    /// Has the kernel's programs follow what is around them.
    func followSurroundings() throws(SystemError) {
        guard let kernelLayer = datapaths.kernelLayer,
            let now = try kernelLayer.surroundings.look(
                kernel.underlay, ownSubnets: Self.subnets(identity), learnedMTUs: datapaths.user.learnedMTUs())
        else { return }
        // What was learned is to be forgotten in time.
        if !now.learnedMTUs.isEmpty { timers.pods.set(milliseconds: PathState.lifetime / 10 * 1000) }
        for change in try kernelLayer.path.follow(now) {
            log.info("eBPF programs changed", metadata: ["change": "\(change)"])
        }
        try datapaths.aggregation.settle()
    }

    /// How often to greet peers, in seconds; nil where nobody has to be greeted.
    var greetingPeriod: Int? {
        KeepAlive.period(settings, loader.registry.selfEntry, own: kernel.underlay.ownAddresses)
    }

    /// - Parameter otherFraming: When each of some peers last sent with another framing, in seconds of the monotonic clock.
    func reporter(otherFraming: [String: Int64]) -> StatusReporter {
        StatusReporter(
            paths: paths, framing: settings.framing, node: identity.node, loader: loader, hostProblems: hostProblems,
            mtu: mtu, datapath: datapaths.layers, datapathReason: datapaths.reason,
            aggregation: datapaths.aggregation.label,
            features: Capabilities.features(settings, hasKernelPath: datapaths.kernelLayer != nil),
            warnings: warnings.texts, otherFraming: otherFraming)
    }

    func stop() {
        resolver.stop()
        datapaths.stop(kernel)
    }
}
