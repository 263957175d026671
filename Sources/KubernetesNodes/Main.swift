internal import Glibc
internal import Host
internal import Logging
internal import Overlay
internal import Service
internal import SyscallShim

/// `warrens-nodes`: publishes this node on the Kubernetes API server, and keeps the node file from there.
@main
struct Main {
    static func main() {
        do {
            let command = try Command(Array(CommandLine.arguments.dropFirst()))
            if command.wantsHelp {
                print(Command.usage)
            } else if command.wantsVersion {
                print("warrens-nodes \(Release.version)")
            } else {
                try serve(command)
            }
        } catch {
            StandardStreams.writeError("warrens-nodes: \(error)\n")
            exit(1)
        }
    }

    /// One for each node: the lock ends with the process, however that ends. One that is about to end is waited for.
    private static func claimNode(_ paths: NodePaths) throws -> FileLock {
        for _ in 0..<50 {
            if let lock = try FileLock(trying: paths.nodesLock) { return lock }
            usleep(100_000)
        }
        throw StartError("another warrens-nodes runs on this node: it holds \(paths.nodesLock)")
    }

    private static func serve(_ command: Command) throws {
        StandardStreams.ignoreBrokenPipes()
        warrens_prepare_memory()
        // Before any thread starts, as each inherits what is blocked.
        let signals = OwnedDescriptor(owning: try retrying("signalfd", "") { warrens_open_signals() })
        let paths = NodePaths.current
        let sink: any LogSink = JournalSink(identifier: "warrens-nodes") ?? StandardErrorSink()
        let log = Logger(label: "warrens-nodes") { _ in WarrensLog(sink: sink, level: command.logLevel) }
        try Files.makeDirectories(paths.run)
        let lock = try claimNode(paths)
        let watch = try LocalWatch(paths, name: command.nodeName, conflist: command.conflist, log: log)
        let board = Board(NodesReport())
        let directory = NodeDirectory(
            watch.facts, paths: paths, conflist: command.conflist, board: board, log: log)
        let answers = Answers(board: board, daemon: DaemonClient(paths))
        let server = try StatusServer(path: paths.nodesSocket, port: command.listen) { answers.answer($0) }
        let source = NodeSource(directory, board: board, paths: paths, kubeconfig: command.kubeconfig, log: log)
        log.notice("started", metadata: ["version": "\(Release.version)", "node": "\(watch.facts.node.name)"])
        if watch.facts.settings.nodeSource != .kubernetes {
            log.warning(
                "addresses are leased before the claim is published: set \"nodeSource\": \"kubernetes\" in \(paths.settings)"
            )
        }
        let (changes, report) = AsyncStream<LocalWatch.Change>.makeStream()
        Task.detached {
            await directory.start()
            await source.run()
        }
        Task.detached {
            // In their order.
            for await change in changes { await directory.take(change) }
        }
        watch.run(signals: signals) { report.yield($0) }
        server.stop()
        log.notice("stopped")
        _ = consume lock
    }
}
