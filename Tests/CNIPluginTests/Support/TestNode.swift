import Glibc
import Host
import JSON

/// A node of its own on this machine: a network namespace, a root for state and settings, and pods.
///
/// Executables are driven as a runtime drives them: standard input, environment, exit code. What they did is read back
/// through iproute2 and nft. All of it is gone when the value ends.
final class TestNode: @unchecked Sendable {
    let name = "wn\(getpid())x\(UInt32.random(in: 0 ... .max))"
    let root: String
    /// Directories that executables are looked for in.
    var pluginPath = [TestNode.builtExecutables, "/usr/lib/cni"]

    static let builtExecutables: String = {
        let package = #filePath.split(separator: "/").dropLast(4).joined(separator: "/")
        return "/\(package)/.build/debug"
    }()

    static let isRoot = getuid() == 0

    init(settings: String? = nil) throws {
        root = "/tmp/\(name)"
        try Files.makeDirectories("\(root)/etc/warrens")
        try Files.replace("\(root)/etc/machine-id", with: "0123456789abcdef0123456789abcdef\n".utf8)
        if let settings { try Files.replace("\(root)/etc/warrens/warrens.json", with: settings.utf8) }
        try run("ip", "netns", "add", name)
        try ip("link", "set", "lo", "up")
    }

    deinit {
        for pid in daemons() { kill(pid, SIGKILL) }
        _ = try? run("ip", "netns", "del", name)
        // Where a daemon had its pins.
        _ = try? run("umount", "--lazy", "--quiet", "\(root)/run/warrens/bpf")
        _ = try? Files.removeTree(root)
    }

    // MARK: Running

    struct Outcome: Sendable {
        let code: Int32
        let output: String

        var json: JSONObject { (try? JSONValue(parsing: Array(output.utf8)).objectValue) ?? [:] }
        var errorCode: Int? { json["code"]?.intValue }
        var message: String { "\(json["msg"]?.stringValue ?? "") \(json["details"]?.stringValue ?? "")" }
    }

    /// Runs `warrens` as a runtime does.
    func cni(
        _ verb: String, _ configuration: String, pod: TestPod? = nil, id: String = "c1", interface: String = "eth0",
        netns: String? = nil, arguments: String = "", killAfter microseconds: UInt32? = nil,
        executable: String = "\(TestNode.builtExecutables)/warrens"
    ) throws -> Outcome {
        let variables = [
            "CNI_COMMAND=\(verb)", "CNI_CONTAINERID=\(id)", "CNI_IFNAME=\(interface)",
            "CNI_NETNS=\(netns ?? pod?.path ?? "")", "CNI_PATH=\(pluginPath.joined(separator: ":"))",
            "CNI_ARGS=\(arguments)", "WARRENS_ROOT=\(root)", "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
        ]
        var command = ["nsenter", "--net=/run/netns/\(name)", "env", "-i"] + variables
        if let microseconds {
            command += ["timeout", "-s", "KILL", "\(Double(microseconds) / 1_000_000)"]
        }
        command.append(executable)
        let outcome = try ChildProcess.run(
            executable: "/usr/bin/env", arguments: command,
            environment: [(name: "PATH", value: "/usr/sbin:/usr/bin:/sbin:/bin")],
            input: Array(configuration.utf8), forwardsErrors: false)
        let code: Int32 = if case .exited(let code) = outcome.ending { code } else { -1 }
        return Outcome(code: code, output: String(decoding: outcome.output, as: UTF8.self))
    }

    /// Runs a plugin of the reference implementation.
    func reference(_ type: String, _ verb: String, _ configuration: String, pod: TestPod) throws -> Outcome {
        try cni(verb, configuration, pod: pod, executable: "/usr/lib/cni/\(type)")
    }

    @discardableResult
    func run(_ command: String...) throws -> String { try Self.shell(command) }

    /// `ip` in this node.
    @discardableResult
    func ip(_ arguments: String...) throws -> String { try Self.shell(["ip", "-n", name] + arguments) }

    /// A command in this node.
    @discardableResult
    func inside(_ command: String...) throws -> String {
        try Self.shell(["nsenter", "--net=/run/netns/\(name)"] + command)
    }

    struct Failed: Error, CustomStringConvertible {
        let description: String
    }

    static func shell(_ command: [String]) throws -> String {
        let outcome = try ChildProcess.run(
            executable: "/usr/bin/env", arguments: command,
            environment: [(name: "PATH", value: "/usr/sbin:/usr/bin:/sbin:/bin")], input: [], forwardsErrors: false)
        let output = String(decoding: outcome.output, as: UTF8.self)
        guard outcome.ending == .exited(code: 0) else {
            let errors = String(decoding: outcome.errorOutput, as: UTF8.self)
            throw Failed(description: "\(command.joined(separator: " ")): \(outcome.ending) \(errors)\(output)")
        }
        return output
    }

    // MARK: Looking

    /// The processes called `warrensd` that this node's root belongs to.
    func daemons() -> [pid_t] {
        let pids = ((try? Files.names(in: "/proc")) ?? []).compactMap { pid_t($0) }
        return pids.filter { pid in
            guard let command = try? Files.read("/proc/\(pid)/cmdline"),
                String(decoding: command.prefix { $0 != 0 }, as: UTF8.self).hasSuffix("warrensd"),
                let environment = try? Files.read("/proc/\(pid)/environ")
            else { return false }
            return String(decoding: environment, as: UTF8.self).split(separator: "\0")
                .contains { $0 == "WARRENS_ROOT=\(root)" }
        }
    }

    /// The names of this node's links.
    func links() throws -> [String] {
        try ip("-br", "link").split(separator: "\n").compactMap {
            $0.split(separator: " ").first?.split(separator: "@").first.map(String.init)
        }
    }

    func vethCount() throws -> Int { try links().count { $0.hasPrefix("veth") } }

    func recordNames() throws -> [String] { try Files.names(in: "\(root)/run/warrens/attachments") }
}

/// A container's network namespace.
final class TestPod: @unchecked Sendable {
    let name = "wp\(getpid())x\(UInt32.random(in: 0 ... .max))"
    var path: String { "/run/netns/\(name)" }

    init() throws {
        _ = try TestNode.shell(["ip", "netns", "add", name])
    }

    deinit { remove() }

    func remove() { _ = try? TestNode.shell(["ip", "netns", "del", name]) }

    @discardableResult
    func ip(_ arguments: String...) throws -> String { try TestNode.shell(["ip", "-n", name] + arguments) }

    /// True where one echo request is answered within a second.
    func pings(_ address: String) -> Bool {
        (try? TestNode.shell(["nsenter", "--net=\(path)", "ping", "-c1", "-W1", address])) != nil
    }
}
