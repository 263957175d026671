internal import Glibc
internal import Host
internal import KernelPath
internal import Logging
internal import Overlay
internal import PacketPath
internal import Service
internal import SyscallShim

/// The control side of the tunnel process: one thread that waits for what changes (files, kernel, signals, the status
/// socket's requests) and has the ``Reconciler`` act on it. Packets pass it by.
final class Daemon {
    static let version = Release.version

    private let paths: NodePaths
    private let log: Logger
    private let reconciler: Reconciler
    private var keepAlive = KeepAlive()
    private var framingLog = FramingLog()

    private let board: StatusBoard
    private let server: StatusServer
    private let watch: FileWatch
    private let settingsWatch: FileWatch
    private let reload: Event
    private let timers: Timers

    /// Makes everything ready: once this returns, packets are carried.
    init(paths: NodePaths, log: Logger) throws(StartError) {
        self.paths = paths
        self.log = log
        let settings: Settings
        do throws(OverlayError) {
            settings = try Settings.load(paths)
            try Capabilities.check(settings, source: paths.settings)
        } catch {
            throw StartError(error)
        }
        do throws(SystemError) {
            // Before the files are read, so that no change in between is missed.
            watch = try FileWatch(path: paths.root + settings.nodeFile)
            settingsWatch = try FileWatch(path: paths.settings)
            timers = try Timers()
        } catch {
            throw StartError(error)
        }
        reconciler = try Reconciler(paths: paths, settings: settings, timers: timers, log: log)
        do throws(SystemError) {
            let (board, reload) = (StatusBoard(), try Event())
            (self.board, self.reload) = (board, reload)
            server = try StatusServer(path: paths.socket) { request in
                StatusAnswers(board: board) { reload.signal() }.answer(request)
            }
        } catch {
            throw StartError(error)
        }
        do throws(SystemError) {
            try reconciler.begin()
            publish()
        } catch {
            stop()
            throw StartError(error)
        }
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
        let (kernel, kernelLayer) = (reconciler.kernel, reconciler.datapaths.kernelLayer)
        let user = reconciler.datapaths.user
        let kernelChanged = { [self] in
            kernel.drainChanges()
            timers.kernel.set(milliseconds: 200)
            if reconciler.settings.fastPath == .on { timers.flows.set(milliseconds: 50) }
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
            reconciler.resolver.changed.clear()
            reconciler.takeResolvedNames()
            apply()
        }
        let podsChanged = { [self] in
            kernelLayer?.surroundings.drain()
            timers.pods.set(milliseconds: 100)
        }
        let pathsChanged = { [self] in
            reconciler.datapaths.user.learned.clear()
            followPods()
        }
        let datapathLost = { [self] in
            reconciler.takeLoss()
            apply()
        }
        return kernel.changeDescriptors.map { ($0, kernelChanged) }
            + (kernelLayer?.surroundings.descriptors ?? []).map { ($0, podsChanged) }
            + [
                (reconciler.resolver.changed.descriptor, namesChanged),
                (watch.descriptor, fileChanged),
                (settingsWatch.descriptor, fileChanged),
                (timers.file.descriptor, readFiles),
                (timers.kernel.descriptor, followKernel),
                (timers.pods.descriptor, followPods),
                (timers.flows.descriptor, distrustFlows),
                (timers.claim.descriptor, dateClaim),
                (timers.keepAlive.descriptor, greet),
                (reload.descriptor, requested),
                (user.lost.descriptor, datapathLost),
                (user.learned.descriptor, pathsChanged),
                (user.framingAlarm.raised.descriptor, tellFraming),
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

    // MARK: Files

    /// SIGHUP, POST /reload and a change of the settings file: settings that may change while packets flow, and the
    /// node file.
    private func reloadAll() {
        do throws(OverlayError) {
            try reconciler.adopt(try Settings.load(paths))
            reconciler.warnings.clear("settings")
            log.notice("settings and node file are read again")
        } catch {
            reconciler.warnings.set("settings", "\(error); the former settings stay in force")
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
        reconciler.readNodeFile()
        apply()
        // A file of many nodes leaves much behind that is not needed until the next one.
        warrens_return_memory()
    }

    // MARK: Kernel and datapath

    private func followKernel() {
        timers.kernel.acknowledge()
        reconciler.readKernel()
        apply()
    }

    private func followPods() {
        timers.pods.acknowledge()
        do throws(SystemError) {
            try reconciler.followSurroundings()
        } catch {
            log.error("eBPF programs cannot follow", metadata: ["error": "\(error)"])
            timers.pods.set(milliseconds: 5000)
        }
    }

    /// What the host does with packets may have changed.
    private func distrustFlows() {
        timers.flows.acknowledge()
        do throws(SystemError) {
            try reconciler.datapaths.kernelLayer?.path.distrustFlows()
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
        guard let period = reconciler.greetingPeriod else { return }
        let peers = reconciler.loader.registry.peers
        let (turn, wait) = keepAlive.next(of: peers.count, period: period)
        reconciler.datapaths.user.greet(
            peers[turn].map(\.name)[...], from: reconciler.identity.node.subnets.map(\.tunnelAddress))
        timers.keepAlive.set(milliseconds: wait)
    }

    private func tellFraming() {
        let user = reconciler.datapaths.user
        guard let source = user.framingAlarm.take() else { return }
        framingLog.tell(
            source, of: user.peerName(at: source), expecting: reconciler.settings.framing.rawValue, log,
            now: monotonicSeconds())
        publish()
    }

    private func apply() {
        reconciler.apply()
        publish()
    }

    private func publish() { board.publish(reconciler.reporter(otherFraming: framingLog.nodes)) }

    private func stop() {
        server.stop()
        reconciler.stop()
    }
}
