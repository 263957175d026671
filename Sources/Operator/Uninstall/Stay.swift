import ArgumentParser
import Glibc

/// Waits to be ended.
///
/// A container of a DaemonSet has to run on when the node is done, and the image has no shell to `sleep`.
struct Stay: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Do nothing until SIGTERM or SIGINT comes.", shouldDisplay: false)

    func run() throws {
        var ends = sigset_t()
        var received: Int32 = 0
        // Sound: both live until the calls return. A first process of a namespace gets only signals that it waits for.
        unsafe sigemptyset(&ends)
        unsafe sigaddset(&ends, SIGTERM)
        unsafe sigaddset(&ends, SIGINT)
        unsafe sigprocmask(SIG_BLOCK, &ends, nil)
        unsafe sigwait(&ends, &received)
    }
}
