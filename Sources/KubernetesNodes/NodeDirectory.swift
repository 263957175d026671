internal import Cluster
internal import Host
internal import Logging
internal import Overlay
internal import Service

/// All that is known of the cluster's nodes; keeps the node file, and knows when the API server has to be asked again.
actor NodeDirectory {
    private let paths: NodePaths
    private let board: Board
    private let log: Logger
    private var known: KnownNodes
    private(set) var facts: LocalFacts
    private var claim: ClaimKeeper
    private var listed: Set<String> = []

    private var writing: Task<Void, Never>?
    private var lastWrite: Int64 = 0
    /// What waits for this node's own affairs to change.
    private var waiting: Task<Void, any Error>?
    private var hasOwnNews = true
    private var needs = ListNeeds(claim: true, doubt: false)
    private var doubtTimer: Task<Void, Never>?

    /// In milliseconds: a burst is waited for, and a stream of changes does not keep the disk busy.
    private static let burst: Int64 = 100
    private static let pause: Int64 = 500
    /// As many names as a log line holds.
    private static let namesShown = 20

    init(_ facts: LocalFacts, paths: NodePaths, conflist: Conflist?, board: Board, log: Logger) {
        self.facts = facts
        self.paths = paths
        self.board = board
        self.log = log
        known = KnownNodes(confirmation: Self.confirmation)
        claim = ClaimKeeper(facts, paths: paths, conflist: conflist, log: log)
    }

    private var filePath: String { paths.root + facts.settings.nodeFile }

    /// WARRENS_NODES_CONFIRMATION sets another number of seconds, for tests.
    private static var confirmation: Int64 {
        environmentVariable("WARRENS_NODES_CONFIRMATION").flatMap(Int64.init) ?? 60
    }

    // MARK: What was before

    /// Takes up what the last run left: a node that comes up without an API server is ready by that.
    func start() {
        do {
            for path in [filePath, paths.publishedClaim] { try Files.removeRemains(of: path) }
            try claim.start()
            if Files.exists(filePath) {
                let file = try FileStream(filePath, limit: NodeFile.sizeLimit)
                try known.load {
                    var bytes: [UInt8] = []
                    _ = try file.read(into: &bytes)
                    return bytes
                }
            }
        } catch {
            log.warning(
                "what the last run left cannot be read; it is written anew once the API server has been asked",
                metadata: ["error": "\(error)"])
        }
        report()
    }

    private func report() {
        let hasFile = Files.exists(filePath)
        board.update { report in
            report.node = facts.node.name
            report.published = claim.published
            report.isConfirmed = claim.isConfirmed
            report.shortage = claim.shortage
            report.hasNodeFile = hasFile
            report.nodes = known.count
            report.doubted = known.doubtedCount
        }
    }

    // MARK: This node

    func take(_ change: LocalWatch.Change) {
        switch change {
        case .facts(let facts): take(facts)
        case .conflist: claim.installConflist()
        }
    }

    /// Takes what this node is by now.
    private func take(_ facts: LocalFacts) {
        let former = self.facts
        self.facts = facts
        if facts.node != former.node || facts.settings != former.settings {
            if claim.follow(facts, among: known) { needs.claim = true } else { judge() }
            if facts.settings.nodeFile != former.settings.nodeFile { scheduleWrite() }
        }
        report()
        interrupt()
    }

    /// Takes how many pods kubelet may start; nil where it does not say.
    func take(mostPods: Int?) {
        if claim.take(mostPods: mostPods) { judge() }
    }

    // MARK: Waiting

    /// Ends the task early when this node's own affairs have changed; at once where they have already.
    func watching(_ task: Task<Void, any Error>) {
        waiting = task
        if hasOwnNews { task.cancel() }
    }

    /// As ``watching(_:)``, for a pause after a failure: news that came before it are no reason to try at once.
    func sleeping(_ task: Task<Void, any Error>) {
        hasOwnNews = false
        waiting = task
    }

    private func interrupt() {
        hasOwnNews = true
        waiting?.cancel()
    }

    /// What a list is needed for.
    struct ListNeeds {
        /// None was taken since the claim in force was published.
        var claim: Bool
        /// Nodes were missing in the last one.
        var doubt: Bool
    }

    func takeNews() -> ListNeeds {
        waiting = nil
        hasOwnNews = false
        return needs
    }

    /// Has another look at everything after so many milliseconds, whatever happens meanwhile.
    func lookAgain(in milliseconds: Int64) {
        Task {
            try? await Task.sleep(for: .milliseconds(milliseconds))
            interrupt()
        }
    }

    // MARK: Lists

    func beginList() { listed = [] }

    func list(_ bytes: [UInt8]) throws {
        let node = try NodeDescription(parsing: bytes)
        guard let name = node.name else { return }
        listed.insert(name)
        _ = known.put(node)
        _ = claim.see(node)
    }

    /// Ends a list.
    ///
    /// - Parameter told: What the API server had of this node's claim before the list began; nil where it has none.
    func endList(after told: PublishedClaim?) {
        needs.doubt = false
        let missing = known.settle(listed: listed, now: monotonicSeconds())
        listed = []
        for name in missing.removed { _ = claim.forget(name) }
        if !missing.removed.isEmpty {
            log.notice("nodes are gone", metadata: ["nodes": "\(Self.names(missing.removed))"])
        }
        if !missing.kept.isEmpty {
            log.warning(
                "the list of nodes is suspiciously short; those that are missing stay until another list says the same",
                metadata: ["listed": "\(known.count - missing.kept.count)", "kept": "\(Self.names(missing.kept))"])
        }
        awaitDoubt()
        writeFile()
        guard let told else { return }
        if claim.listed(after: told) {
            needs.claim = false
            judge()
        } else {
            interrupt()
        }
    }

    /// Finds out whether this node still holds its subnets.
    private func judge() {
        do throws(OverlayError) {
            if try claim.judge(among: known) { interrupt() }
        } catch {
            log.error("the claim cannot be confirmed", metadata: ["error": "\(error)"])
            needs.claim = true
            lookAgain(in: 5000)
        }
        report()
    }

    private func awaitDoubt() {
        doubtTimer?.cancel()
        guard let moment = known.nextDoubt else { return }
        let seconds = max(1, moment - monotonicSeconds() + 1)
        doubtTimer = Task {
            try? await Task.sleep(for: .seconds(seconds))
            if Task.isCancelled { return }
            needs.doubt = true
            interrupt()
        }
    }

    private static func names(_ names: [String]) -> String {
        let shown = names.prefix(namesShown).joined(separator: ",")
        return names.count > namesShown ? "\(shown),… (\(names.count))" : shown
    }

    // MARK: Events

    /// Takes one event of a watch.
    ///
    /// - Returns: The state that it leads to; nil where it names none.
    /// - Throws: The ``APIStatus`` that ends the watch.
    func take(_ event: NodeEvent) throws -> String? {
        board.count(.events)
        board.update { $0.lastContact = WallClock.seconds() }
        switch event {
        case .bookmark(let version): return version
        case .failed(let status): throw status
        case .changed(let node):
            if known.put(node) { scheduleWrite() }
            if claim.see(node) { judge() }
            // Others learn of this node by what stands there.
            if node.name == facts.node.name, claim.shortage != nil || publication.patch(of: node.annotations) != nil {
                interrupt()
            }
            return node.resourceVersion
        case .deleted(let node):
            guard let name = node.name else { return node.resourceVersion }
            if known.remove(name) {
                log.notice("a node is gone", metadata: ["node": "\(name)"])
                scheduleWrite()
            }
            if claim.forget(name) { judge() }
            if name == facts.node.name { interrupt() }
            return node.resourceVersion
        }
    }

    /// What this node's Node is to say.
    var publication: Publication { Publication(facts.node, features: facts.features) }

    /// True where this node can carry pods.
    var isReady: Bool { claim.isConfirmed && Files.exists(filePath) }

    func takeNotices() -> [NodeNotice] { claim.takeNotices() }

    // MARK: The file

    private func scheduleWrite() {
        guard writing == nil else { return }
        let wait = max(Self.burst, lastWrite + Self.pause - monotonicNanoseconds() / 1_000_000)
        writing = Task {
            try? await Task.sleep(for: .milliseconds(wait))
            if !Task.isCancelled { writeFile() }
        }
    }

    private func writeFile() {
        writing?.cancel()
        writing = nil
        lastWrite = monotonicNanoseconds() / 1_000_000
        do throws(SystemError) {
            try Files.makeDirectories(Files.parent(of: filePath))
            try Files.replace(filePath, durable: true) { file, name throws(SystemError) in
                try known.write { (piece) throws(SystemError) in try file.writeAll(piece, subject: name) }
            }
            board.count(.fileWrites)
        } catch {
            log.error("the node file cannot be written; tried again soon", metadata: ["error": "\(error)"])
            lastWrite += 5000
            scheduleWrite()
        }
        report()
    }
}
