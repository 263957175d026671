import Addressing
internal import Glibc
internal import Host
internal import Logging
internal import Netlink
internal import Overlay
internal import SyscallShim

/// The control side of the tunnel process: one thread that waits for what changes (files, kernel, signals, the status
/// socket's requests) and makes datapath and kernel agree with it. Packets pass it by.
final class Daemon {
    static let version = "0.1.0"

    private let paths: NodePaths
    private let log: Logger
    private var settings: Settings
    private var node: LocalNode
    private var loader: RegistryLoader
    private let kernel: RouteSocket
    private let datapathReason: String
    private var datapath: TunDatapath
    private var network: OverlayNetwork?
    private var warnings = Warnings()

    private let board = StatusBoard()
    private let server: StatusServer
    private let watch: NodeFileWatch
    private let reload: Event
    private let routeChanges: OwnedDescriptor
    private let settle: DebounceTimers

    /// Makes everything ready: once this returns, packets are carried.
    init(paths: NodePaths, log: Logger) throws(StartError) {
        self.paths = paths
        self.log = log
        do throws(OverlayError) {
            settings = try Settings.load(paths)
            datapathReason = try Capabilities.check(settings, source: paths.settings)
            node = try LocalNode.load(paths: paths, settings: settings)
        } catch {
            throw StartError(error)
        }
        do throws(SystemError) {
            kernel = try RouteSocket()
            loader = RegistryLoader(path: paths.root + settings.nodeFile)
            watch = try NodeFileWatch(path: loader.path)
            routeChanges = OwnedDescriptor(
                owning: try retrying("listen", "netlink") { warrens_listen_for_route_changes() })
            settle = try DebounceTimers()
            reload = try Event()
            datapath = try Self.openDatapath(settings, plan: ForwardingPlan(port: settings.port))
            server = try StatusServer(
                path: paths.socket,
                answer: { [board, reload] request in
                    StatusAnswers(board: board, reload: { reload.signal() }).answer(request)
                })
        } catch {
            throw StartError(error)
        }
        describeStart()
        loadRegistry()
        do throws(SystemError) {
            try applyAll()
        } catch {
            server.stop()
            datapath.stop()
            throw StartError(error)
        }
    }

    private static func openDatapath(_ settings: Settings, plan: ForwardingPlan) throws(SystemError) -> TunDatapath {
        let device = try TunDevice(name: OverlayNetwork.deviceName)
        return try TunDatapath(device: device, sockets: TunnelSockets(port: settings.port), plan: plan)
    }

    private func describeStart() {
        log.notice(
            "started",
            metadata: [
                "version": "\(Self.version)", "node": "\(node.name)", "nodeID": "\(node.nodeID)",
                "subnets": "\(node.subnets.map(\.description).joined(separator: ","))", "datapath": "\(datapath.name)",
                "reason": "\(datapathReason)",
            ])
        for family in node.missingFamilies {
            warnings.set("family.\(family)", "this kernel has no \(family): pods get no addresses of it")
        }
    }

    /// Serves until a signal asks to stop.
    func run(signals: borrowing OwnedDescriptor) {
        while true {
            let happened = Wait.forAny([
                (signals.raw, Wait.readable), (watch.descriptor, Wait.readable), (routeChanges.raw, Wait.readable),
                (reload.descriptor, Wait.readable), (datapath.lost.descriptor, Wait.readable),
                (settle.file.descriptor, Wait.readable), (settle.kernel.descriptor, Wait.readable),
                (settle.claim.descriptor, Wait.readable),
            ])
            if happened[0] != 0, serveSignals(signals) { break }
            if happened[1] != 0 {
                watch.drain()
                settle.file.set(milliseconds: 50)
            }
            if happened[2] != 0 {
                warrens_drain_changes(routeChanges.raw)
                settle.kernel.set(milliseconds: 200)
            }
            if happened[3] != 0 {
                reload.clear()
                reloadAll()
            }
            if happened[4] != 0 { replaceDatapath() }
            if happened[5] != 0 {
                settle.file.acknowledge()
                if watch.hasChanged() {
                    loadRegistry()
                    apply()
                }
            }
            if happened[6] != 0 {
                settle.kernel.acknowledge()
                apply()
            }
            if happened[7] != 0 {
                settle.claim.acknowledge()
                dateClaim()
            }
        }
        server.stop()
        datapath.stop()
        _ = try? Files.remove(paths.socket)
        log.notice("stopped")
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

    // MARK: Changes

    /// SIGHUP and POST /reload: settings that can change while packets flow, and the node file.
    private func reloadAll() {
        do throws(OverlayError) {
            let fresh = try Settings.load(paths)
            _ = try Capabilities.check(fresh, source: paths.settings)
            if fresh.port != settings.port || fresh.nodeFile != settings.nodeFile {
                throw OverlayError(
                    source: paths.settings, problem: "port and nodeFile cannot change while warrensd runs",
                    remedy: "restart warrensd")
            }
            node = try LocalNode.load(paths: paths, settings: fresh)
            settings = fresh
            warnings.clear("settings")
            log.notice("settings and node file are read again")
        } catch {
            warnings.set("settings", "\(error); the former settings stay in force")
            log.error("settings cannot be used", metadata: ["error": "\(error)"])
        }
        loadRegistry()
        apply()
    }

    private func loadRegistry() {
        let facts: UplinkFacts
        do throws(SystemError) {
            facts = try Underlay(kernel).facts()
        } catch {
            log.error("routes cannot be read", metadata: ["error": "\(error)"])
            facts = .unknown
        }
        let difference = loader.load(node: node, settings: settings, facts: facts)
        if let error = loader.lastError {
            log.error("node file cannot be used; the last good one stays in force", metadata: ["error": "\(error)"])
        }
        RegistryLog(log).tell(difference, loader.registry)
        if let lost = loader.registry.lost.first { renumber(lost) }
    }

    /// Another node holds our subnet by the better claim: take another one, and keep the old one for the containers
    /// that live in it.
    private func renumber(_ lost: Conflict) {
        log.warning("another node holds this node's subnet by the better claim", metadata: ["conflict": "\(lost)"])
        do throws(OverlayError) {
            let draining = LiveContainers.using(node.subnets.map(\.prefix), paths)
            node = try LocalNode.renumber(from: node.nodeID, draining: draining, paths: paths, settings: settings)
            warnings.set(
                "renumbered",
                "\(lost); this node is now \(node.nodeID) with "
                    + node.subnets.map(\.description).joined(separator: ",")
                    + ": annotate it with warrens.io/subnets, warrens.io/node-id and warrens.io/claim=\(node.claim)")
            log.warning(
                "renumbered",
                metadata: [
                    "nodeID": "\(node.nodeID)", "claim": "\(node.claim)",
                    "subnets": "\(node.subnets.map(\.description).joined(separator: ","))",
                ])
            _ = loader.load(node: node, settings: settings, facts: (try? Underlay(kernel).facts()) ?? .unknown)
        } catch {
            warnings.set("renumbered", "\(lost), and this node cannot renumber itself: \(error)")
            log.error("cannot renumber", metadata: ["error": "\(error)"])
        }
    }

    /// Dates this node's claim once the clock can be trusted. Asked again rarely, and no more once it is dated.
    private func dateClaim() {
        guard node.claim.since == nil else { return }
        guard warrens_clock_is_synchronised() == 1 else {
            settle.claim.set(milliseconds: 600_000)
            return
        }
        do throws(OverlayError) {
            node = try LocalNode.updateClaim(
                now: Timestamp(seconds: WallClock.seconds()), paths: paths, settings: settings)
            publish()
        } catch {
            log.error("claim cannot be dated", metadata: ["error": "\(error)"])
        }
    }

    /// The tunnel device was removed under us: make it again, with all that hangs on it.
    private func replaceDatapath() {
        log.warning("tunnel device is gone; making it again")
        datapath.stop()
        do throws(SystemError) {
            datapath = try Self.openDatapath(settings, plan: ForwardingPlan(port: settings.port))
            try applyAll()
        } catch {
            log.critical("cannot make the tunnel device again", metadata: ["error": "\(error)"])
            pauseBriefly()
        }
    }

    // MARK: Making it so

    /// As ``applyAll()``; what fails is told and tried again with the next change.
    private func apply() {
        do throws(SystemError) {
            try applyAll()
            warnings.clear("kernel")
        } catch {
            warnings.set("kernel", "\(error)")
            log.error("kernel cannot be set up", metadata: ["error": "\(error)"])
        }
        publish()
    }

    private func applyAll() throws(SystemError) {
        var underlay = try Underlay(kernel)
        var maker = PlanMaker(
            settings: settings, node: node, registry: loader.registry,
            pathMTU: { underlay.path(to: $0)?.mtu })
        maker.uplinkMTU = try Underlay(kernel).uplinkMTU()
        let plan = maker.forwarding()
        let wanted = maker.network(for: plan)

        datapath.apply(plan)
        let families = Array(Set(maker.ownSubnets.map(\.family)))
        var changes = try HostForwarding.enable(families, kernel)
        changes += try wanted.reconcile(kernel)
        if wanted.mtu != network?.mtu {
            try Files.replace(paths.mtu, with: "\(wanted.mtu)\n".utf8)
        }
        network = wanted
        for change in changes { log.info("kernel changed", metadata: ["change": "\(change)"]) }
        publish()
        dateClaim()
    }

    private func publish() {
        let reporter = StatusReporter(
            settings: settings, node: node, loader: loader, plan: datapath.plan, mtu: network?.mtu ?? 0,
            datapath: datapath.name, datapathReason: datapathReason, warnings: warnings.texts)
        board.publish(reporter.report(), datapath: datapath)
    }
}

/// Events come in bursts; each kind is served once after a pause.
struct DebounceTimers {
    let file: Timer
    let kernel: Timer
    let claim: Timer

    init() throws(SystemError) {
        file = try Timer()
        kernel = try Timer()
        claim = try Timer()
    }
}
