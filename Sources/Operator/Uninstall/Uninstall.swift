import ArgumentParser
import Glibc
import Host
import Overlay

/// Removes everything that Warrens made on this node.
struct Uninstall: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Stop warrensd and remove every device, route, rule and file that Warrens made on this node.",
        discussion: """
            Pods that still run lose their network. Name the conflist, or take it away first: else the next pod makes \
            everything anew. Executables and settings stay unless named. The node's identity is kept unless --purge is \
            given, so that it has the same subnets when it comes back. Kernel switches stay as they are (IP forwarding \
            is on): by now others may need them.
            """)

    @Flag(name: .shortAndLong, help: "Do not ask.")
    var yes = false

    @Flag(help: "Forget the node's identity, too (/var/lib/warrens).")
    var purge = false

    @Option(help: "Remove this network list before all else.")
    var conflist: [String] = []

    @Option(help: "Remove the executables from this directory, when all else is gone.")
    var binDirectory: [String] = []

    @Flag(help: "Remove settings and node file, too (/etc/warrens).")
    var configuration = false

    func run() throws {
        guard geteuid() == 0 else { throw CommandFailure("only root may do that; run warrensctl as root") }
        let paths = NodePaths.current
        // Settings that cannot be read must not keep anybody from getting rid of us.
        let facts = NodeFacts(paths, settings: (try? Settings.load(paths)) ?? .default)
        try confirm(facts)
        for file in try conflist.filter({ try Files.remove($0) }) { print("removed \(file)") }
        try DaemonProcess(paths).stop()
        let done = try KernelRemains(paths, settings: facts.settings, node: facts.node).remove()
        for line in done { print(line) }
        for directory in directories(paths) where Files.exists(directory) {
            try Files.removeTree(directory)
            print("removed \(directory)")
        }
        for line in try binDirectory.flatMap({ try Executables(directory: $0).remove() }) { print(line) }
    }

    private func directories(_ paths: NodePaths) -> [String] {
        [paths.run] + (purge ? [paths.state] : []) + (configuration ? [Files.parent(of: paths.settings)] : [])
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
