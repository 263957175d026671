internal import Host
internal import Overlay

/// Why the daemon cannot start: one line that names the culprit, its value and the remedy.
struct StartError: Error, CustomStringConvertible {
    let description: String
    /// True where the node has a daemon: this start failed, but nothing is wrong with the node.
    let isAlreadyRunning: Bool

    init(_ description: String, isAlreadyRunning: Bool = false) {
        self.description = description
        self.isAlreadyRunning = isAlreadyRunning
    }

    init(_ error: OverlayError) { self.init(error.description) }

    init(_ error: SystemError) { self.init(error.description) }
}
