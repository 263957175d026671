internal import Host
internal import Overlay

/// Why the daemon cannot start: one line that names the culprit, its value and the remedy.
struct StartError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }

    init(_ error: OverlayError) { self.init(error.description) }

    init(_ error: SystemError) { self.init(error.description) }
}
