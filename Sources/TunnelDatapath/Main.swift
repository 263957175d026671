internal import Glibc
internal import Host
internal import Logging
internal import Service
internal import SyscallShim

/// `warrensd`: the tunnel process of a Warrens node.
@main
struct Main {
    static func main() {
        do throws(StartError) {
            let command = try Command(Array(CommandLine.arguments.dropFirst()))
            if command.wantsHelp {
                print(Command.usage)
            } else if command.wantsVersion {
                print("warrensd \(Daemon.version)")
            } else {
                try serve(command)
            }
        } catch {
            complain(error)
            exit(1)
        }
    }

    private static func serve(_ command: Command) throws(StartError) {
        // A client that hangs up is an error of its write, not the end of the process.
        signal(SIGPIPE, SIG_IGN)
        warrens_prepare_memory()
        let paths = NodePaths.current
        let report = StartReport(paths)
        do throws(StartError) {
            let signals = try blockSignals()
            let lock = try claimNode(paths)
            let log = try makeLog(command, paths, isAwaited: report.isAwaited)
            let daemon = try Daemon(paths: paths, log: log)
            report.succeeded()
            // Some of the code was needed for the start alone: measured, 0.7 MB less stay resident.
            warrens_release_code()
            // And the memory that reading the node file took.
            warrens_return_memory()
            daemon.run(signals: signals)
            _ = consume lock
        } catch {
            report.failed(error)
            throw error
        }
    }

    private static func blockSignals() throws(StartError) -> OwnedDescriptor {
        do throws(SystemError) {
            return OwnedDescriptor(owning: try retrying("signalfd", "") { warrens_open_signals() })
        } catch {
            throw StartError(error)
        }
    }

    /// One daemon for each node: the lock ends with the process, however that ends. One that holds it and does not
    /// answer is about to end or about to begin; which of the two is waited for.
    private static func claimNode(_ paths: NodePaths) throws(StartError) -> FileLock {
        do throws(SystemError) {
            try Files.makeDirectories(paths.run)
            for _ in 0..<50 {
                if let lock = try FileLock(trying: paths.daemonLock) { return lock }
                if (try? UnixStream.connect(to: paths.socket, timeout: 1)) != nil { break }
                usleep(100_000)
            }
        } catch {
            throw StartError(error)
        }
        throw StartError("another warrensd runs on this node: it holds \(paths.daemonLock)", isAlreadyRunning: true)
    }

    private static func makeLog(
        _ command: Command, _ paths: NodePaths, isAwaited: Bool
    ) throws(StartError) -> Logger {
        let sink: any LogSink
        do throws(SystemError) {
            if let journal = JournalSink(identifier: "warrensd") {
                sink = journal
            } else if isAwaited, !command.foreground {
                sink = try FileSink(path: paths.log)
            } else {
                sink = StandardErrorSink()
            }
        } catch {
            throw StartError(error)
        }
        return Logger(label: "warrensd") { _ in WarrensLog(sink: sink, level: command.logLevel) }
    }

    private static func complain(_ error: StartError) {
        var line = Array("warrensd: \(error)\n".utf8)
        _ = unsafe write(STDERR_FILENO, &line, line.count)
    }
}
