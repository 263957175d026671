import Host
import JSON
import Testing

/// Runs `warrensctl` as an operator does, with the files of a node below a directory of its own.
struct OperatorRun {
    let code: Int32
    let output: String
    let errors: String
    /// Whether the node has a state directory afterwards.
    let keepsState: Bool

    /// - Parameter files: Contents by path below the node's root.
    /// - Parameter isRoot: False to run as nobody in particular.
    init(_ arguments: String..., files: [String: String] = [:], isRoot: Bool = true) throws {
        try self.init(arguments: arguments, files: files, isRoot: isRoot)
    }

    init(arguments: [String], files: [String: String] = [:], isRoot: Bool = true) throws {
        let root = "/tmp/warrens-operator-tests-\(UInt64.random(in: 0 ... .max))"
        defer { try? Files.removeTree(root) }
        try Files.makeDirectories(root)
        for (path, content) in files {
            try Files.makeDirectories(Files.parent(of: "\(root)/\(path)"))
            let isProgram = path.contains("/bin/")
            try Files.replace("\(root)/\(path)", with: Array(content.utf8), mode: isProgram ? 0o755 : 0o644)
        }
        let program = Files.parent(of: CommandLine.arguments[0]) + "/warrensctl"
        let command = (isRoot ? [] : ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]) + [program]
        let outcome = try ChildProcess.run(
            executable: "/usr/bin/env", arguments: command + arguments.map { $0.replacing("ROOT", with: root) },
            environment: [("WARRENS_ROOT", root), ("PATH", "/usr/sbin:/usr/bin")], input: [], forwardsErrors: false)
        guard case .exited(let code) = outcome.ending else { throw SystemError("run", "warrensctl", code: 0) }
        self.code = code
        keepsState = Files.exists(NodePaths(root: root).state)
        output = String(decoding: outcome.output, as: UTF8.self)
        errors = String(decoding: outcome.errorOutput, as: UTF8.self)
    }

    var json: JSONObject? {
        (try? JSONValue(parsing: Array(output.utf8)))?.objectValue
    }
}

@Suite struct DeriveTests {
    private static let machineID = "0123456789abcdef0123456789abcdef"

    @Test func anotherMachineIsDerivedFromItsID() throws {
        let run = try OperatorRun("derive", "--machine-id", Self.machineID, "--json")
        #expect(run.code == 0 && run.json?.keys == ["nodeID", "subnets"])
        #expect(run.json?["nodeID"] == "302913e9dc81ee6d")
        #expect(run.json?["subnets"] == ["fd53:7769:726c:3029:13e9:dc81:ee6d::/112", "10.220.106.0/24"])
    }

    @Test func theProfileReplacesTheSettings() throws {
        let run = try OperatorRun(
            "derive", "--machine-id", Self.machineID, "--profile", "paper", "--json",
            files: ["etc/warrens/warrens.json": #"{"families": ["ipv6"]}"#])
        #expect(run.json?["subnets"] == ["fd53:7769:726c:3029:13e9:dc81:ee6d::/112", "10.83.103.48/28"])
    }

    @Test func thisNodeIsDerivedUnderItsSettings() throws {
        let run = try OperatorRun(
            "derive", "--json",
            files: ["etc/machine-id": Self.machineID, "etc/warrens/warrens.json": #"{"families": ["ipv4"]}"#])
        #expect(run.json?["subnets"] == ["10.220.106.0/24"])
    }

    @Test(arguments: ["derive", "doctor", "status"]) func lookingMakesNothing(command: String) throws {
        let run = try OperatorRun(command, files: ["etc/machine-id": Self.machineID])
        #expect(run.output.contains("302913e9dc81ee6d") && !run.keepsState, "\(run.errors)")
    }

    @Test func aTableIsForPeople() throws {
        let run = try OperatorRun("derive", "--machine-id", Self.machineID)
        #expect(
            run.output.contains("Node id 302913e9dc81ee6d")
                && run.output.contains("10.220.106.8 to 10.220.106.255 (248)"))
    }

    @Test func whatIsWrongIsNamed() throws {
        let typed = try OperatorRun("derive", "--machine-id", "12")
        #expect(typed.code == 64 && typed.errors.contains("32 hexadecimal digits"))
        let missing = try OperatorRun("derive")
        #expect(missing.code == 1 && missing.errors.contains("systemd-machine-id-setup"))
        let settings = try OperatorRun("derive", files: ["etc/warrens/warrens.json": #"{"prot": 1}"#])
        #expect(settings.code == 1 && settings.errors.contains("did you mean \"port\"?"))
    }
}

@Suite struct NodesTests {
    private static let good = #"""
        {"kind": "Node", "metadata": {"name": "attic"}, "status": {"addresses": [{"type": "InternalIP",
        "address": "192.0.2.1"}], "nodeInfo": {"machineID": "0123456789abcdef0123456789abcdef"}}}
        """#
    private static let bad = #"{"kind": "Node", "metadata": {"name": "shed"}}"#

    @Test func aFileIsExplained() throws {
        let run = try OperatorRun(
            "nodes", "ROOT/nodes.json", "--json",
            files: [
                "nodes.json": Self.good, "etc/machine-id": "ffffffffffffffffffffffffffffffff",
            ])
        let peer = run.json?["peers"]?.arrayValue?.first?.objectValue
        #expect(run.code == 0 && peer?["name"] == "attic" && peer?["endpoints"] == ["192.0.2.1:31337"])
        #expect(run.json?["problems"] == [] && !run.keepsState)
    }

    @Test func aFileWithoutThisNodeIsTold() throws {
        let files = ["nodes.json": Self.good, "etc/machine-id": "ffffffffffffffffffffffffffffffff"]
        let run = try OperatorRun("nodes", "ROOT/nodes.json", files: files)
        #expect(run.code == 0 && run.output.contains("is not in the file"))
    }

    @Test func everyProblemIsNamedAndFailsTheCommand() throws {
        let list = #"{"kind": "List", "items": [\#(Self.good), \#(Self.bad)]}"#
        let run = try OperatorRun("nodes", "ROOT/nodes.json", files: ["nodes.json": list])
        #expect(run.code == 1 && run.output.contains("node shed: status.nodeInfo.machineID"))
        #expect(run.output.contains("10.220.106.0/24"))
    }

    @Test func aBadFileIsAnError() throws {
        let run = try OperatorRun("nodes", "ROOT/nodes.json", files: ["nodes.json": "{"])
        #expect(run.code == 1 && run.errors.contains("nodes.json: not valid JSON") && run.output.isEmpty)
    }
}
