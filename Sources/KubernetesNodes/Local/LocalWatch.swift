internal import Glibc
internal import Host
internal import Logging
internal import Overlay
internal import Service
internal import SyscallShim

/// Follows what this node is, on a thread of its own: settings, identity, what `warrensd` can do, the network
/// configuration to install. Sleeps until one of them changes.
final class LocalWatch {
    enum Change: Sendable {
        case facts(LocalFacts)
        /// The network configuration's source has another content.
        case conflist
    }

    private let paths: NodePaths
    private let name: String?
    private let log: Logger
    private let client: DaemonClient
    private let settings: FileWatch
    private let identity: FileWatch
    private let daemon: FileWatch
    private let conflist: FileWatch?
    private(set) var facts: LocalFacts
    private var lastError: String?
    /// How often `warrensd` is to be asked again: it has a socket and has not answered on it.
    private var questionsLeft = 0

    /// A daemon that is just starting answers soon; in milliseconds. One of an earlier version never does.
    private static let daemonPause: Int32 = 500
    private static let mostQuestions = 120
    /// Files change in bursts; in milliseconds.
    private static let burst: Int32 = 50

    init(_ paths: NodePaths, name: String?, conflist: Conflist?, log: Logger) throws {
        self.paths = paths
        self.name = name
        self.log = log
        client = DaemonClient(paths)
        settings = try FileWatch(path: paths.settings)
        identity = try FileWatch(path: paths.identity)
        daemon = try FileWatch(path: paths.socket)
        self.conflist = try conflist.map { try FileWatch(path: $0.source) }
        facts = try LocalFacts.read(paths, name: name, features: nil)
        questionsLeft = Self.mostQuestions
        facts = try LocalFacts.read(paths, name: name, features: askDaemon())
    }

    /// Serves until a signal asks to end.
    func run(signals: borrowing OwnedDescriptor, _ report: (Change) -> Void) {
        while true {
            let files = [settings, identity, daemon] + [conflist].compactMap(\.self)
            let waits = [(signals.raw, Wait.readable)] + files.map { ($0.descriptor, Wait.readable) }
            let happened = Wait.forAny(waits, milliseconds: questionsLeft > 0 ? Self.daemonPause : -1)
            var isAsked = false
            if happened[0] != 0 {
                switch warrens_read_signal(signals.raw) {
                case SIGTERM, SIGINT: return
                case SIGHUP: isAsked = true
                default: break
                }
            }
            _ = Wait.forAny([(signals.raw, Wait.readable)], milliseconds: Self.burst)
            for file in files { file.drain() }
            let isFreshDaemon = daemon.hasChanged()
            let isDaemonNews = isFreshDaemon || questionsLeft > 0
            questionsLeft = isFreshDaemon ? Self.mostQuestions : max(0, questionsLeft - 1)
            let isNews = [settings.hasChanged(), identity.hasChanged()].contains(true)
            if conflist?.hasChanged() == true { report(.conflist) }
            if isNews || isDaemonNews || isAsked { look(asking: isDaemonNews || isAsked, report) }
        }
    }

    private func look(asking: Bool, _ report: (Change) -> Void) {
        do throws(OverlayError) {
            let features = asking ? askDaemon() ?? facts.features : facts.features
            let present = try LocalFacts.read(paths, name: name, features: features)
            lastError = nil
            guard present != facts else { return }
            facts = present
            report(.facts(present))
        } catch {
            // What was true before stays in force, as with every reader of these files.
            guard lastError != error.description else { return }
            lastError = error.description
            log.error(
                "settings or identity cannot be read; the former ones stay in force", metadata: ["error": "\(error)"])
        }
    }

    /// - Returns: Nil where it does not answer.
    private func askDaemon() -> Set<String>? {
        guard Files.exists(paths.socket), let features = try? client.features() else { return nil }
        questionsLeft = 0
        return features
    }
}
