import ArgumentParser
import Glibc
import Host
import Overlay

/// Removes everything that Warrens made on this node.
struct Uninstall: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Stop warrensd and remove every device, route, rule and file that Warrens made on this node.",
        discussion: """
            Pods that still run lose their network. The executables and what stands below /etc are left alone; take \
            the conflist away first, or the next pod makes everything anew. The node's identity is kept unless \
            --purge is given, so that it has the same subnets when it comes back. Kernel switches stay as they are \
            (IP forwarding is on): by now others may need them.
            """)

    @Flag(name: .shortAndLong, help: "Do not ask.")
    var yes = false

    @Flag(help: "Forget the node's identity, too (/var/lib/warrens).")
    var purge = false

    func run() throws {
        guard geteuid() == 0 else { throw CommandFailure("only root may do that; run warrensctl as root") }
        let paths = NodePaths.current
        // Settings that cannot be read must not keep anybody from getting rid of us.
        let facts = NodeFacts(paths, settings: (try? Settings.load(paths)) ?? .default)
        try confirm(facts)
        try DaemonProcess(paths).stop()
        let done = try KernelRemains(paths, settings: facts.settings, node: facts.node).remove()
        for line in done { print(line) }
        for directory in [paths.run] + (purge ? [paths.state] : []) where Files.exists(directory) {
            try Files.removeTree(directory)
            print("removed \(directory)")
        }
    }

    private func confirm(_ facts: NodeFacts) throws {
        guard !yes else { return }
        guard isatty(STDIN_FILENO) == 1 else { throw CommandFailure("nobody can be asked here; say --yes") }
        let pods = Quantity.count(facts.attachments, "pod interface")
        print("\(pods) will be gone. Remove Warrens from this node? [y/N] ", terminator: "")
        fflush(nil)
        guard ["y", "yes"].contains(readLine()?.lowercased() ?? "") else { throw CommandFailure("nothing was removed") }
    }
}
