internal import Host

/// The network configuration that makes kubelet call this node ready. It comes last, when pods can have addresses.
struct Conflist: Sendable {
    let source: String
    let destination: String

    /// Puts the source's content into the destination's place, where it is not there already.
    ///
    /// - Returns: True where that changed anything.
    func install() throws(SystemError) -> Bool {
        try Files.removeRemains(of: destination)
        let content = try Files.read(source)
        if try Files.readIfPresent(destination) == content { return false }
        try Files.makeDirectories(Files.parent(of: destination))
        try Files.replace(destination, with: content, durable: true)
        return true
    }
}
