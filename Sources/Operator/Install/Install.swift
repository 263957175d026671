import ArgumentParser
import Glibc
import Host
import JSON
import KernelPath
import Overlay

/// Prepares a node for what the manifest or `hack/install` start next.
struct Install: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Copy the executables beside this one into a directory of CNI plugins.",
        discussion: """
            Each file is replaced by rename, so pods, runtime and daemon go on meanwhile; what is there already is left \
            as it is. The conflist, which makes the node count as ready, is no part of it.
            """)

    @Option(help: "Where the container runtime looks for CNI plugins.")
    var binDirectory: String

    @Option(help: "Make this file's settings those of the node, once they are found to make sense.")
    var settings: String?

    @Option(help: "The node's name, where the settings do not say another one.")
    var nodeName: String?

    @Flag(
        help: """
            Mount the file system that keeps eBPF programs and maps from one warrensd to the next, which a warrensd in a \
            container cannot.
            """)
    var mountBPF = false

    func validate() throws {
        if nodeName != nil, settings == nil { throw ValidationError("--node-name goes with --settings") }
    }

    func run() throws {
        let paths = NodePaths.current
        try Files.makeDirectories(paths.run)
        // An installation by hand and that of a pod may meet.
        let lock = try FileLock(waitingFor: paths.installLock)
        // What is wrong with the settings is told before anything has changed.
        let chosen = try settings.map { try NodeSettings(of: $0, nodeName: nodeName) }
        for line in try Executables(directory: binDirectory).install() { print(line) }
        if let chosen { print(try chosen.install(paths)) }
        if mountBPF {
            try BPFFileSystem(paths.pins).mount()
            print("\(paths.pins) keeps programs and maps")
        }
        withExtendedLifetime(lock) {}
    }
}

/// Settings of a cluster, completed by what only this node knows.
struct NodeSettings {
    let text: String

    /// - Throws: File, key, value and remedy, where they make no sense.
    init(of path: String, nodeName: String?) throws {
        var members = try JSONValue(parsing: Files.read(path)).objectValue ?? JSONObject()
        let name = Settings.Key.nodeName.rawValue
        if let nodeName, members[name]?.isNull ?? true { members[name] = .string(nodeName) }
        _ = try Settings(json: .object(members), source: path)
        text = JSONValue.object(members).serialized(pretty: true) + "\n"
    }

    /// - Returns: What was done, as a line.
    func install(_ paths: NodePaths) throws -> String {
        if try Files.readIfPresent(paths.settings) == Array(text.utf8) { return "\(paths.settings) is there already" }
        try Files.makeDirectories(Files.parent(of: paths.settings))
        try Files.replace(paths.settings, with: text.utf8, durable: true)
        return "installed \(paths.settings)"
    }
}
