import Addressing
internal import Glibc
internal import Host
internal import KernelPath
internal import Logging
internal import Overlay
internal import PacketPath
internal import SyscallShim

/// The control side of the tunnel process: one thread that waits for what changes (files, kernel, signals, the status
/// socket's requests) and makes datapath and kernel agree with it. Packets pass it by.
final class Daemon {
    static let version = Release.version

    private let paths: NodePaths
    private let log: Logger
    private var settings: Settings
    private var identity: Identity
    private var loader: RegistryLoader
    private let kernel: NodeKernel
    /// Why ``layers`` are what they are.
    private let datapathReason: String
    /// Bounds how long one change of the node file may keep the control thread: each draws new subnets at random.
    private static let renumberingsAtOnce = 8
    private var datapath: TunDatapath
    /// What carries most packets before they come to ``datapath``, where this kernel can.
    private let kernelLayer: KernelLayer?
    /// What merges packets before ``kernelLayer`` delivers them.
    private let aggregation: Aggregation
    private var datapathIsLost = false
    /// What the datapath has not been told of the registry yet; of no account where it must be told everything.
    private var untold = PeerDifference()
    private var isAllUntold = false
    private var demands: PeerDemands
    private var hostNames = HostNames()
    private var keepAlive = KeepAlive()
    private var mtu = 0
    private var warnings = Warnings()
    private var hostProblems: [NodeProblem] = []
    private var framingLog = FramingLog()

    private let board: StatusBoard
    private let server: StatusServer
    private let watch: NodeFileWatch
    private let settingsWatch: NodeFileWatch
    private let resolver: NameResolver
    private let reload: Event
    private let timers: Timers

    /// Events come in bursts; each kind is served once after a pause.
    private struct Timers {
        let file: Timer
        let kernel: Timer
        let pods: Timer
        let flows: Timer
        let claim: Timer
        let keepAlive: Timer
    }

    /// Makes everything ready: once this returns, packets are carried.
    init(paths: NodePaths, log: Logger) throws(StartError) {
        self.paths = paths
        self.log = log
        do throws(OverlayError) {
            settings = try Settings.load(paths)
            try Capabilities.check(settings, source: paths.settings)
            identity = try Identity(paths: paths, settings: settings, log: log)
        } catch {
            throw StartError(error)
        }
        do throws(SystemError) {
            kernel = try NodeKernel(
                ownSubnets: Self.subnets(identity), formerMTU: Self.formerMTU(paths))
        } catch {
            throw StartError(error)
        }
        if let clash = kernel.underlay.clashes(settings).first { throw StartError(clash.description) }
        do throws(SystemError) {
            loader = RegistryLoader(path: paths.root + settings.nodeFile)
            watch = try NodeFileWatch(path: loader.path)
            settingsWatch = try NodeFileWatch(path: paths.settings)
            resolver = try NameResolver()
            timers = Timers(
                file: try Timer(), kernel: try Timer(), pods: try Timer(), flows: try Timer(), claim: try Timer(),
                keepAlive: try Timer())
            // The registry comes first: a device that opens while nothing is known would answer packets to peers that
            // we are about to know with "unreachable".
            loader.read(settings: settings)
            hostNames.add(loader.rebuild(node: identity.node, settings: settings, facts: kernel.underlay.facts))
            let maker = PlanMaker(
                settings: settings, node: identity.node, registry: loader.registry, underlay: kernel.underlay,
                resolved: [:])
            let plan = maker.plan(for: loader.registry.peers)
            demands = maker.demands(of: plan)
            let start = try DatapathStart(paths, settings, kernel).open(
                plan, ownSubnets: Self.subnets(identity))
            (datapath, kernelLayer, aggregation) = (start.user, start.kernel, start.aggregation)
            datapathReason = start.reason
            let (board, reload) = (StatusBoard(), try Event())
            (self.board, self.reload) = (board, reload)
            server = try StatusServer(path: paths.socket) { request in
                StatusAnswers(board: board) { reload.signal() }.answer(request)
            }
        } catch {
            throw StartError(error)
        }
        describeStart()
        do throws(SystemError) {
            settleRegistry()
            try applyAll()
            if kernelLayer == nil { try DatapathStart(paths, settings, kernel).removeKernelLayer() }
            publish()
        } catch {
            stop()
            throw StartError(error)
        }
    }

    /// What the last daemon left, in bytes.
    private static func formerMTU(_ paths: NodePaths) -> Int? {
        let text = (try? Files.readIfPresent(paths.mtu)) ?? []
        return Int(String(decoding: text.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self))
    }

    /// All subnets that pods of this node may have addresses of.
    private static func subnets(_ identity: Identity) -> [NodeSubnet] { identity.node.subnets + identity.node.draining }

    /// All that carries packets.
    private var layers: any Datapath {
        guard let kernelLayer else { return datapath }
        return LayeredDatapath(kernelLayer.path, aggregation: aggregation.description, over: datapath)
    }

    private func describeStart() {
        let node = identity.node
        log.notice(
            "started",
            metadata: [
                "version": "\(Self.version)", "node": "\(node.name)", "nodeID": "\(node.nodeID)",
                "subnets": "\(node.subnets.map(\.description).joined(separator: ","))", "datapath": "\(layers.name)",
                "reason": "\(datapathReason)", "offloads": "\(layers.offloads)",
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

    // MARK: Events

    /// Serves until a signal asks to stop. Sleeps in between: nothing runs by the clock but what an event has set.
    func run(signals: borrowing OwnedDescriptor) {
        var isStopping = false
        while !isStopping {
            let sources = eventSources
            let happened = Wait.forAny([(signals.raw, Wait.readable)] + sources.map { ($0.descriptor, Wait.readable) })
            isStopping = happened[0] != 0 && serveSignals(signals)
            // At once: whoever finds the status socket takes this daemon for one that will serve.
            if isStopping { break }
            for (source, events) in zip(sources, happened.dropFirst()) where events != 0 { source.serve() }
        }
        stop()
        log.notice("stopped")
    }

    /// What to wait for, and what to do about it.
    private var eventSources: [(descriptor: Int32, serve: () -> Void)] {
        let kernelChanged = { [self] in
            kernel.drainChanges()
            timers.kernel.set(milliseconds: 200)
            if settings.fastPath == .on { timers.flows.set(milliseconds: 50) }
        }
        let fileChanged = { [self] in
            watch.drain()
            settingsWatch.drain()
            timers.file.set(milliseconds: 50)
        }
        let requested = { [self] in
            reload.clear()
            reloadAll()
        }
        let namesChanged = { [self] in
            resolver.changed.clear()
            log.info("host names of peers are resolved", metadata: ["names": "\(resolver.addresses.count)"])
            for peer in loader.registry.peers where hostNames.isNeeded(for: peer) { untold.add(peer) }
            apply()
        }
        let podsChanged = { [self] in
            kernelLayer?.surroundings.drain()
            timers.pods.set(milliseconds: 100)
        }
        let pathsChanged = { [self] in
            datapath.learned.clear()
            followPods()
        }
        return kernel.changeDescriptors.map { ($0, kernelChanged) }
            + (kernelLayer?.surroundings.descriptors ?? []).map { ($0, podsChanged) }
            + [
                (resolver.changed.descriptor, namesChanged),
                (watch.descriptor, fileChanged),
                (settingsWatch.descriptor, fileChanged),
                (timers.file.descriptor, readFiles),
                (timers.kernel.descriptor, followKernel),
                (timers.pods.descriptor, followPods),
                (timers.flows.descriptor, distrustFlows),
                (timers.claim.descriptor, dateClaim),
                (timers.keepAlive.descriptor, greet),
                (reload.descriptor, requested),
                (datapath.lost.descriptor, replaceDatapath),
                (datapath.learned.descriptor, pathsChanged),
                (datapath.framingAlarm.raised.descriptor, tellFraming),
            ]
    }

    /// - Returns: True where it is time to stop.
    private func serveSignals(_ signals: borrowing OwnedDescriptor) -> Bool {
        while true {
            switch warrens_read_signal(signals.raw) {
            case SIGHUP: reloadAll()
            case SIGTERM, SIGINT: return true
            default: return false
            }
        }
    }

    /// SIGHUP, POST /reload and a change of the settings file: settings that may change while packets flow, and the
    /// node file.
    private func reloadAll() {
        do throws(OverlayError) {
            let fresh = try Settings.load(paths)
            try Capabilities.check(fresh, source: paths.settings)
            if fresh.port != settings.port || fresh.nodeFile != settings.nodeFile
                || Capabilities.options(fresh) != Capabilities.options(settings)
                || Capabilities.kernelOptions(fresh) != Capabilities.kernelOptions(settings)
                || fresh.datapath != settings.datapath
            {
                throw OverlayError(
                    source: paths.settings,
                    problem:
                        "port, nodeFile, framing, batching, queues and sourcePorts cannot change while warrensd runs",
                    remedy: "restart warrensd")
            }
            if let clash = kernel.underlay.clashes(fresh).first {
                throw OverlayError(source: paths.settings, problem: clash.problem, remedy: clash.remedy)
            }
            try identity.reload(fresh)
            settings = fresh
            isAllUntold = true
            warnings.clear("settings")
            log.notice("settings and node file are read again")
        } catch {
            warnings.set("settings", "\(error); the former settings stay in force")
            log.error("settings cannot be used; the former ones stay in force", metadata: ["error": "\(error)"])
        }
        _ = settingsWatch.hasChanged()
        _ = watch.hasChanged()
        readNodeFile()
    }

    private func readFiles() {
        timers.file.acknowledge()
        if settingsWatch.hasChanged() {
            reloadAll()
        } else if watch.hasChanged() {
            readNodeFile()
        }
    }

    private func readNodeFile() {
        let started = monotonicNanoseconds()
        loader.read(settings: settings)
        if let error = loader.lastError { tellBadFile(error) }
        rebuildRegistry()
        log.debug(
            "node file is read", metadata: ["milliseconds": "\((monotonicNanoseconds() - started) / 1_000_000)"])
        apply()
        // A file of many nodes leaves much behind that is not needed until the next one.
        warrens_return_memory()
    }

    private func followKernel() {
        timers.kernel.acknowledge()
        if (try? kernel.refresh(ownSubnets: Self.subnets(identity))) ?? true {
            isAllUntold = true
            rebuildRegistry()
            tellClashes()
        }
        if identity.dropDrained(settings) { rebuildRegistry() }
        apply()
    }

    private func followPods() {
        timers.pods.acknowledge()
        do throws(SystemError) {
            try followSurroundings()
        } catch {
            log.error("eBPF programs cannot follow", metadata: ["error": "\(error)"])
            timers.pods.set(milliseconds: 5000)
        }
    }

    /// What the host does with packets may have changed.
    private func distrustFlows() {
        timers.flows.acknowledge()
        do throws(SystemError) {
            try kernelLayer?.path.distrustFlows()
        } catch {
            log.error("flows go on to skip the stack", metadata: ["error": "\(error)"])
        }
    }

    private func dateClaim() {
        timers.claim.acknowledge()
        apply()
    }

    /// Has firewalls and NATs let peers in, where this node needs that.
    private func greet() {
        timers.keepAlive.acknowledge()
        guard let period = greetingPeriod else { return }
        let peers = loader.registry.peers
        let (turn, wait) = keepAlive.next(of: peers.count, period: period)
        datapath.greet(peers[turn].map(\.name)[...], from: identity.node.subnets.map(\.tunnelAddress))
        timers.keepAlive.set(milliseconds: wait)
    }

    /// In seconds; nil where nobody has to be greeted.
    private var greetingPeriod: Int? {
        KeepAlive.period(settings, loader.registry.selfEntry, own: kernel.underlay.ownAddresses)
    }

    private func tellFraming() {
        guard let source = datapath.framingAlarm.take() else { return }
        framingLog.tell(
            source, of: datapath.peerName(at: source), expecting: settings.framing.rawValue, log,
            now: monotonicSeconds())
        publish()
    }

    /// The tunnel device was removed under us: it is made again, with all that hangs on it.
    private func replaceDatapath() {
        log.warning("the tunnel device is gone; making it again", metadata: ["device": "\(KernelNames.tunnelDevice)"])
        datapath.lost.clear()
        datapathIsLost = true
        apply()
    }

    /// A host that joins another network while the daemon runs may meet the overlay's prefixes there.
    private func tellClashes() {
        let clash = kernel.underlay.clashes(settings).first?.description
        if let clash, !warnings.texts.contains(clash) {
            log.error("the overlay hides a network", metadata: ["clash": "\(clash)"])
        }
        warnings.set("clash", clash)
    }

    // MARK: Making it so

    private func rebuildRegistry() {
        renewRegistry()
        settleRegistry()
    }

    private func renewRegistry() {
        let difference = loader.rebuild(node: identity.node, settings: settings, facts: kernel.underlay.facts)
        untold.add(difference)
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

    private func tellBadFile(_ error: OverlayError) {
        log.error("node file cannot be used; what it last said stays in force", metadata: ["error": "\(error)"])
    }

    /// As ``applyAll()``; what fails is told, and tried again soon.
    private func apply() {
        do throws(SystemError) {
            try applyAll()
            warnings.clear("kernel")
        } catch {
            warnings.set("kernel", "\(error)")
            log.error("kernel cannot be set up", metadata: ["error": "\(error)"])
            timers.kernel.set(milliseconds: 5000)
        }
        publish()
    }

    private func applyAll() throws(SystemError) {
        if identity.node.claim.since == nil {
            if identity.date(settings) { rebuildRegistry() } else { timers.claim.set(milliseconds: 600_000) }
        }
        let maker = PlanMaker(
            settings: settings, node: identity.node, registry: loader.registry, underlay: kernel.underlay,
            resolved: resolver.addresses)
        let started = monotonicNanoseconds()
        do throws(SystemError) {
            if isAllUntold || datapathIsLost { try tellAll(maker) } else { try tellDifference(maker) }
        } catch {
            isAllUntold = true
            throw error
        }
        log.debug(
            "datapath follows",
            metadata: [
                "peers": "\(isAllUntold ? loader.registry.peers.count : untold.count)",
                "microseconds": "\((monotonicNanoseconds() - started) / 1000)",
            ])
        (untold, isAllUntold) = (PeerDifference(), false)
        try resolver.want(hostNames.all)
        let problems = demands.problems
        RegistryLog(log).tell(problems.filter(Set(problems).subtracting(hostProblems).contains))
        hostProblems = problems
        var network = maker.network(demands)
        network.outlivesDaemon = kernelLayer != nil
        if network.mtu != mtu || !Files.exists(paths.mtu) {
            try Files.replace(paths.mtu, with: "\(network.mtu)\n".utf8)
            mtu = network.mtu
        }
        for change in try kernel.reconcile(network, maker.masquerade, aggregation.sharing) {
            log.info("kernel changed", metadata: ["change": "\(change)"])
        }
        try followSurroundings()
        // At once where it had no need so far; else in its time.
        if greetingPeriod != nil { timers.keepAlive.set(milliseconds: 1) }
    }

    private func followSurroundings() throws(SystemError) {
        guard let kernelLayer,
            let now = try kernelLayer.surroundings.look(
                kernel.underlay, ownSubnets: Self.subnets(identity), learnedMTUs: datapath.learnedMTUs())
        else { return }
        // What was learned is to be forgotten in time.
        if !now.learnedMTUs.isEmpty { timers.pods.set(milliseconds: PathState.lifetime / 10 * 1000) }
        for change in try kernelLayer.path.follow(now) {
            log.info("eBPF programs changed", metadata: ["change": "\(change)"])
        }
        try aggregation.settle()
    }

    private func tellAll(_ maker: PlanMaker) throws(SystemError) {
        let plan = maker.plan(for: loader.registry.peers)
        if datapathIsLost {
            datapath.stop()
            datapath = try DatapathStart.openUser(settings, plan, port: aggregation.socketPort)
            datapathIsLost = false
            try kernelLayer?.path.replace(plan)
        } else {
            try layers.replace(plan)
        }
        demands = maker.demands(of: plan)
    }

    /// Costs no more than the difference is worth: whatever is done here for all peers delays each change.
    private func tellDifference(_ maker: PlanMaker) throws(SystemError) {
        let change = maker.change(untold)
        let former = (change.removed + change.updated.map(\.name)).compactMap(datapath.peer(named:))
        defer {
            for peer in former { demands.replace(peer, by: nil) }
            for peer in change.updated { demands.replace(nil, by: (peer, maker.demand(of: peer))) }
        }
        try layers.apply(change)
    }

    private func publish() {
        board.publish(
            StatusReporter(
                paths: paths, framing: settings.framing, node: identity.node, loader: loader,
                hostProblems: hostProblems, mtu: mtu, datapath: layers, datapathReason: datapathReason,
                aggregation: aggregation.label, warnings: warnings.texts, otherFraming: framingLog.nodes))
    }

    /// Leaves the device, its routes and the pods as they are: without a carrier on the device they refuse packets to
    /// other nodes, and the next daemon takes them over.
    private func stop() {
        server.stop()
        resolver.stop()
        datapath.stop()
        // Whoever comes next, be it an earlier version, finds the tunnel's port free.
        aggregation.releasePort(kernel)
    }
}
