import Addressing
import Glibc
import Host
import JSON

@testable import CNI

/// Files beside the tests: `Tests/<path>`.
func testFile(_ path: String) -> String {
    let here = #filePath.split(separator: "/").dropLast(2).joined(separator: "/")
    return "/\(here)/\(path)"
}

/// A plugin that does what the test says.
struct ScriptedPlugin: Plugin {
    static let name = "scripted"

    var onAdd: @Sendable (Request) throws(CNIError) -> AttachmentResult = { _ throws(CNIError) in AttachmentResult() }
    var onOther: @Sendable (Request) throws(CNIError) -> Void = { _ throws(CNIError) in }

    func add(_ request: Request) throws(CNIError) -> AttachmentResult { try onAdd(request) }
    func delete(_ request: Request) throws(CNIError) { try onOther(request) }
    func check(_ request: Request) throws(CNIError) { try onOther(request) }
    func garbageCollect(_ request: Request) throws(CNIError) { try onOther(request) }
    func status(_ request: Request) throws(CNIError) { try onOther(request) }
}

/// Runs a plugin as a runtime would, but in this process.
func answer(
    of plugin: ScriptedPlugin = ScriptedPlugin(), _ environment: [String: String], _ input: String
) -> PluginMain.Answer {
    PluginMain.answer(of: plugin, to: Environment { environment[$0] }) { () throws(CNIError) in Array(input.utf8) }
}

extension PluginMain.Answer {
    var object: JSONObject { (try? JSONValue(parsing: Array(output.utf8)))?.objectValue ?? [:] }
    var code: Int? { object["code"]?.intValue }
    var message: String { object["msg"]?.stringValue ?? "" }
    var details: String { object["details"]?.stringValue ?? "" }
}

let addEnvironment = [
    "CNI_COMMAND": "ADD", "CNI_CONTAINERID": "container-1", "CNI_NETNS": "/var/run/netns/x", "CNI_IFNAME": "eth0",
    "CNI_PATH": "/opt/cni/bin",
]

/// A directory of its own for one test, removed afterwards.
func withTemporaryDirectory<Result>(_ body: (String) throws -> Result) throws -> Result {
    let path = "/tmp/warrens-cni-test.\(getpid()).\(UInt32.random(in: 0 ... .max))"
    try Files.makeDirectories(path)
    defer { try? Files.removeTree(path) }
    return try body(path)
}

func install(_ script: String, as path: String) throws {
    try Files.replace(path, with: Array(script.utf8), mode: 0o755)
}
