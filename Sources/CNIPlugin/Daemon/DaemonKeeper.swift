internal import CNI
internal import Glibc
internal import Host

/// Makes sure that the node's one `warrensd` runs.
struct DaemonKeeper {
    /// How long ADD waits for a process that it started, in milliseconds. One that needs longer, because its node file
    /// is huge, goes on without being waited for.
    static let patience = 2_000

    let paths: NodePaths
    let request: Request

    /// Directories where executables are looked for, in this order: CNI_PATH, then where this executable is.
    var searchPath: [String] {
        let own = Files.runningExecutable.map(Files.parent)
        return request.pluginPath + [own].compactMap { $0 }.filter { !request.pluginPath.contains($0) }
    }

    var isRunning: Bool {
        do throws(SystemError) {
            _ = try UnixStream.connect(to: paths.socket, timeout: 1)
            return true
        } catch {
            // A full backlog has a listener, too.
            return error.code == EAGAIN
        }
    }

    /// The executable; nil where there is none.
    var executable: String? {
        searchPath.map { "\($0)/warrensd" }.first(where: Files.isExecutable)
    }

    /// Why the last start failed; nil where it succeeded or where nobody tried yet.
    var lastFailure: String? {
        do throws(SystemError) {
            guard let bytes = try Files.readIfPresent(paths.startError, limit: 1 << 16) else { return nil }
            return String(decoding: bytes, as: UTF8.self).split(separator: "\n").first.map(String.init)
        } catch {
            return nil
        }
    }

    /// Starts `warrensd` unless it runs. However many processes call this at once, one is started.
    ///
    /// - Throws: Code 11 with the process's own words. ADD fails with it, because a pod without a tunnel would look
    ///   healthy and reach nobody; the runtime tries again, and succeeds as soon as the cause is gone.
    func ensureRunning() throws(CNIError) {
        if isRunning { return }
        let failureBefore = Files.identity(of: paths.startError)
        let lock = try reporting("cannot take the lock for starting warrensd") { () throws(SystemError) in
            try Files.makeDirectories(paths.run)
            return try FileLock(waitingFor: paths.startLock)
        }
        defer { withExtendedLifetime(lock) {} }
        if isRunning { return }
        // Somebody else tried while we waited for the lock: fifty processes need not fail one after the other.
        if Files.identity(of: paths.startError) != failureBefore, let failure = lastFailure {
            throw cannotStart(failure)
        }
        if try isStarting() { return }
        try start()
    }

    /// True where a `warrensd` lives that does not answer yet.
    private func isStarting() throws(CNIError) -> Bool {
        try reporting("cannot see whether warrensd runs") { () throws(SystemError) in
            try FileLock(trying: paths.daemonLock) == nil
        }
    }

    private func start() throws(CNIError) {
        guard let executable else {
            let message = "no executable warrensd in \(searchPath.joined(separator: ":"))"
            record(failure: message)
            throw CNIError(
                .tryAgainLater, "warrensd cannot start: \(message)", details: "copy warrensd to where warrens is")
        }
        let process = try reporting("cannot start \(executable)", as: .tryAgainLater) { () throws(SystemError) in
            try keepLogSmall()
            return try DetachedProcess.start(
                executable: executable,
                environment: ChildProcess.environment(setting: []).filter { Self.isInherited($0.name) },
                log: paths.log)
        }
        switch process.readiness(within: Self.patience) {
        case .ready, .pending:
            attempting { () throws(SystemError) in try Files.remove(paths.startError) }
        case .failed(let reason):
            // A service manager started one between our look and our start.
            if try isStarting() { return }
            record(failure: reason)
            throw cannotStart(reason)
        }
    }

    private func cannotStart(_ reason: String) -> CNIError {
        CNIError(.tryAgainLater, "warrensd cannot start: \(reason)", details: "its log is \(paths.log)")
    }

    private func record(failure: String) {
        attempting { () throws(SystemError) in try Files.replace(paths.startError, with: "\(failure)\n".utf8) }
    }

    /// The log lives in memory (/run); one former log is kept for whoever looks for a cause.
    private func keepLogSmall() throws(SystemError) {
        if let size = Files.size(of: paths.log), size > 1 << 20 {
            try Files.move(paths.log, to: "\(paths.log).old")
        }
    }

    /// What belongs to the runtime's call or to its service, not to a process that outlives both.
    private static func isInherited(_ name: String) -> Bool {
        let foreignPrefixes = ["CNI_", "LISTEN_", "WATCHDOG_"]
        let foreign: Set<String> = [
            "BAGGAGE", "INVOCATION_ID", "JOURNAL_STREAM", "NOTIFY_SOCKET", "TRACEPARENT", "TRACESTATE",
            DetachedProcess.readyVariable,
        ]
        return !foreign.contains(name) && !foreignPrefixes.contains { name.hasPrefix($0) }
    }
}
