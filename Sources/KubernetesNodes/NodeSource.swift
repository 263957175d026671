internal import Cluster
internal import Host
internal import JSON
internal import Logging
internal import NIOPosix
internal import Overlay
internal import Service
internal import Synchronization

/// The conversation with the API server: publish this node, list all nodes, watch them; again and again, whatever fails.
struct NodeSource: Sendable {
    private let directory: NodeDirectory
    private let board: Board
    private let paths: NodePaths
    private let kubeconfig: String?
    private let log: Logger
    private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)

    init(_ directory: NodeDirectory, board: Board, paths: NodePaths, kubeconfig: String?, log: Logger) {
        self.directory = directory
        self.board = board
        self.paths = paths
        self.kubeconfig = kubeconfig
        self.log = log
    }

    /// Where the conversation stands.
    private struct Progress {
        /// The state from which a watch can go on; nil where only a list helps.
        var version: String?
        var isPaged = true
        var backoff = Backoff(first: 1000, longest: 30_000)
        /// For lists that are needed because the server no longer keeps what was watched.
        var expiries = Backoff(first: 500, longest: 30_000)
        var problems = ProblemLog()
        var dangers = ProblemLog()
        /// Why this node cannot be published, while all else works; nil where it can.
        var refusal: APIFailure?
        var refusals = Backoff(first: 2000, longest: 60_000)
        /// When this node was last changed, in milliseconds of the monotonic clock.
        var lastPatch: Int64 = 0
    }

    /// Never returns.
    func run() async {
        var progress = Progress()
        while true {
            var access: ServerAccess?
            do {
                let present = try self.access()
                access = present
                if let danger = present.danger, progress.dangers.isNews(danger, now: monotonicSeconds()) {
                    log.warning("anybody on the way may pose as the API server", metadata: ["reason": "\(danger)"])
                }
                board.update { $0.server = present.server.description }
                try await converse(NodesAPI(present, group: group), &progress)
            } catch {
                await failed(error, access, &progress)
            }
        }
    }

    /// How to reach the API server, read anew each time.
    private func access() throws(OverlayError) -> ServerAccess {
        if let path = kubeconfig ?? environmentVariable("KUBECONFIG"), !path.isEmpty {
            guard Files.exists(path) || !path.contains(":") else {
                throw OverlayError(
                    source: "KUBECONFIG", problem: "\(path) names several files",
                    remedy: "merge them: `kubectl config view --flatten --minify --raw`")
            }
            return try Kubeconfig.access(path)
        }
        let (host, port) = ("KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT")
        if let access = ServerAccess.inCluster(
            host: environmentVariable(host), port: environmentVariable(port), paths: paths)
        {
            return access
        }
        throw OverlayError(
            source: "warrens-nodes",
            problem: "neither a kubeconfig nor a pod's service account says how to reach the API server",
            remedy: "give --kubeconfig FILE or KUBECONFIG, or run in a pod, where \(host) and \(port) are set")
    }

    private func converse(_ api: NodesAPI, _ progress: inout Progress) async throws {
        let needs = await directory.takeNews()
        let node = try await publishIfAllowed(api, &progress)
        if progress.version == nil || needs.doubt || needs.claim && node != nil {
            progress.version = nil
            progress.version = try await list(api, after: node?.claim, &progress)
        }
        if let node {
            await tell(api, node)
        } else {
            await directory.lookAgain(in: progress.refusals.next(retryAfter: progress.refusal?.retryAfter))
        }
        try await watch(api, &progress)
    }

    // MARK: This node

    /// This node as the API server has it after it was told.
    private struct Published {
        let claim: PublishedClaim
        let name: String
        let uid: String
        let lacksCondition: Bool
    }

    /// A node that may not say anything of itself, or is not there yet, still has to know the others.
    ///
    /// - Returns: Nil where the server refuses.
    private func publishIfAllowed(_ api: NodesAPI, _ progress: inout Progress) async throws -> Published? {
        do {
            let node = try await publish(api, &progress)
            progress.refusal = nil
            progress.refusals.succeeded()
            return node
        } catch let failure as APIFailure where [403, 404, 422].contains(failure.status.code) {
            progress.refusal = failure
            tell(failure.description, &progress)
            return nil
        }
    }

    /// Others may write the same annotations. Not more often than this, in milliseconds, is it put right.
    private static let patchPause: Int64 = 2000

    private func publish(_ api: NodesAPI, _ progress: inout Progress) async throws -> Published {
        let facts = await directory.facts
        let publication = await directory.publication
        let node = try await api.node(facts.node.name)
        contact()
        await directory.take(mostPods: PodRoom.mostPods(of: node))
        let metadata = node["metadata"]?.objectValue
        var annotations: [String: String] = [:]
        for (key, value) in metadata?["annotations"]?.objectValue?.members ?? [] {
            guard key.hasPrefix(NodeDescription.annotationPrefix), let text = value.stringValue else { continue }
            annotations[String(key.dropFirst(NodeDescription.annotationPrefix.count))] = text
        }
        if let patch = publication.patch(of: annotations) {
            let now = monotonicNanoseconds() / 1_000_000
            let wait = progress.lastPatch + Self.patchPause - now
            if progress.lastPatch > 0, wait > 0 { try await Task.sleep(for: .milliseconds(wait)) }
            try await api.annotate(facts.node.name, patch)
            progress.lastPatch = monotonicNanoseconds() / 1_000_000
            board.count(.patches)
            log.notice("published", metadata: ["node": "\(facts.node.name)", "patch": "\(patch)"])
        }
        return Published(
            claim: PublishedClaim(facts.node), name: facts.node.name, uid: metadata?["uid"]?.stringValue ?? "",
            lacksCondition: NetworkCondition.isMissing(in: node))
    }

    /// What helps people and schedulers. Nothing depends on it, so it may be forbidden.
    private func tell(_ api: NodesAPI, _ node: Published) async {
        do {
            if node.lacksCondition, await directory.isReady {
                try await api.setCondition(node.name, NetworkCondition.available)
            }
            for notice in await directory.takeNotices() {
                try await api.createEvent(notice.event(node.name, uid: node.uid))
            }
        } catch {
            log.info("conditions and events are left out", metadata: ["reason": "\(error)"])
        }
    }

    // MARK: All nodes

    private func list(_ api: NodesAPI, after claim: PublishedClaim?, _ progress: inout Progress) async throws -> String
    {
        await directory.beginList()
        do {
            let version = try await api.list(isPaged: progress.isPaged) { try await directory.list($0) }
            contact()
            board.count(.lists)
            await directory.endList(after: claim)
            return version
        } catch let error as APIFailure where error.status.isExpired {
            // The pages took longer than the server remembers the first of them.
            progress.isPaged.toggle()
            throw error
        }
    }

    private func watch(_ api: NodesAPI, _ progress: inout Progress) async throws {
        let state = WatchState(progress.version ?? "")
        let begin = monotonicNanoseconds()
        let refusal = progress.refusal?.description
        // Not the same for all nodes, so that they do not come back together.
        let seconds = Int64.random(in: 240...480)
        let task = Task {
            try await api.watch(from: state.version, seconds: seconds) {
                opened(refusal)
            } _: { event in
                state.advance(to: try await directory.take(event))
            }
        }
        await directory.watching(task)
        let result = await task.result
        board.update { $0.isWatching = false }
        progress.version = state.version
        // A server, or something before it, that ends each watch at once must not be asked in a busy loop.
        let isProgress = state.hasAdvanced || monotonicNanoseconds() - begin > 1_000_000_000
        if isProgress {
            progress.backoff.succeeded()
            progress.expiries.succeeded()
        }
        do {
            try result.get()
            if !isProgress { try? await Task.sleep(for: .milliseconds(progress.backoff.next())) }
        } catch is CancellationError {
            progress.backoff.succeeded()
        } catch ConnectionError.silent(let seconds) {
            // Where the server is gone, opening it anew fails, and is told.
            log.info("the watch was silent; opened anew", metadata: ["seconds": "\(seconds)"])
        } catch let status as APIStatus {
            if status.isExpired { progress.version = nil }
            throw APIFailure(.watch, status, origin: "the watch")
        } catch {
            let isExpired = (error as? APIFailure)?.status.isExpired == true
            if isExpired || error is JSONError || error is ObjectSplitter.Failure { progress.version = nil }
            throw error
        }
    }

    /// - Parameter refusal: What is still wrong.
    private func opened(_ refusal: String?) {
        board.count(.watches)
        contact()
        board.update {
            $0.isWatching = true
            $0.problem = refusal
        }
        if refusal == nil { _ = try? Files.remove(paths.nodesError) }
    }

    private func contact() {
        board.update { $0.lastContact = WallClock.seconds() }
    }

    // MARK: Failures

    private func failed(_ error: any Error, _ access: ServerAccess?, _ progress: inout Progress) async {
        if error is CancellationError { return }
        let failure = error as? APIFailure
        let wait: Int64
        if failure?.status.isExpired == true {
            log.info("what was watched is no longer kept; listing anew")
            wait = progress.expiries.next()
        } else {
            tell(Explanation.text(error, access), &progress)
            wait = progress.backoff.next(retryAfter: failure?.retryAfter)
        }
        log.debug("waiting", metadata: ["milliseconds": "\(wait)"])
        let task = Task { try await Task.sleep(for: .milliseconds(wait)) }
        await directory.sleeping(task)
        _ = await task.result
    }

    /// Tells people, in the log, and `warrens-ipam`, in a file.
    private func tell(_ problem: String, _ progress: inout Progress) {
        board.count(.failures)
        board.update { $0.problem = problem }
        let line = problem.split(whereSeparator: \.isNewline).joined(separator: " ") + "\n"
        try? Files.makeDirectories(paths.run)
        try? Files.replace(paths.nodesError, with: Array(line.utf8))
        if progress.problems.isNews(problem, now: monotonicSeconds()) {
            log.warning(
                "the API server cannot be used as it should; what is known stays in force",
                metadata: ["error": "\(problem)"])
        }
    }
}

/// How far a watch has come.
private final class WatchState: Sendable {
    private let state: Mutex<(version: String, hasAdvanced: Bool)>

    init(_ version: String) { state = Mutex((version, false)) }

    var version: String { state.withLock { $0.version } }
    var hasAdvanced: Bool { state.withLock { $0.hasAdvanced } }

    func advance(to version: String?) {
        guard let version, !version.isEmpty else { return }
        state.withLock { $0 = (version, true) }
    }
}

/// Tells a problem once, and again after a while.
private struct ProblemLog {
    private var last: (text: String, told: Int64)?
    private static let pause: Int64 = 600

    mutating func isNews(_ text: String, now: Int64) -> Bool {
        if let last, last.text == text, now - last.told < Self.pause { return false }
        last = (text, now)
        return true
    }
}
