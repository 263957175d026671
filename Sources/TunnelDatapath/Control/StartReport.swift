internal import Glibc
internal import Host

/// Tells whoever started the daemon how that went: over the descriptor that WARRENS_READY_DESCRIPTOR names, and by the
/// start error's file for those who look later.
struct StartReport: ~Copyable {
    private let descriptor: Int32?
    private let errorPath: String

    init(_ paths: NodePaths) {
        descriptor = environmentVariable("WARRENS_READY_DESCRIPTOR").flatMap(Int32.init).flatMap { $0 > 2 ? $0 : nil }
        errorPath = paths.startError
        // Nothing that we start may inherit it.
        if let descriptor { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
    }

    /// True where a program waits for the outcome: the plugin, which gives us no usable standard error.
    var isAwaited: Bool { descriptor != nil }

    consuming func succeeded() {
        _ = try? Files.remove(errorPath)
        tell("ready\n")
    }

    consuming func failed(_ error: StartError) {
        let line = error.description.split(separator: "\n").joined(separator: " ") + "\n"
        if !error.isAlreadyRunning { try? Files.replace(errorPath, with: line.utf8) }
        tell(line)
    }

    private func tell(_ line: String) {
        guard let descriptor else { return }
        var bytes = Array(line.utf8)
        _ = unsafe write(descriptor, &bytes, bytes.count)
        close(descriptor)
    }
}
