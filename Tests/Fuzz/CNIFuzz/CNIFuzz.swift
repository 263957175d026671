import CNI
import JSON

/// What a plugin does with its input, without the kernel: it hands the previous result on.
private struct Echo: Plugin {
    static let name = "echo"

    func add(_ request: Request) throws(CNIError) -> AttachmentResult {
        request.configuration.previousResult ?? AttachmentResult()
    }
    func delete(_ request: Request) throws(CNIError) {}
    func check(_ request: Request) throws(CNIError) {}
    func garbageCollect(_ request: Request) throws(CNIError) {}
    func status(_ request: Request) throws(CNIError) {}
}

/// One execution: the verb by the first byte, CNI_ARGS up to the first line feed, standard input after it. Whatever
/// comes, the answer is one JSON object or nothing, and a failure has a code and a message.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = unsafe Array(UnsafeBufferPointer(start: start, count: count))
    let verbs = ["ADD", "DEL", "CHECK", "GC", "STATUS", "VERSION"]
    let head = bytes.dropFirst().prefix { $0 != UInt8(ascii: "\n") }
    let input = Array(bytes.dropFirst(head.count + 2))
    let variables = [
        "CNI_COMMAND": verbs[Int(bytes.first ?? 0) % verbs.count], "CNI_CONTAINERID": "c1", "CNI_IFNAME": "eth0",
        "CNI_NETNS": "/nonexistent", "CNI_PATH": "/nonexistent", "CNI_ARGS": String(decoding: head, as: UTF8.self),
    ]
    let answer = PluginMain.answer(of: Echo(), to: Environment { variables[$0] }) { input }
    precondition(answer.exitCode == 0 || !answer.output.isEmpty, "a failure without an error object")
    guard !answer.output.isEmpty else { return 0 }
    guard case .object(let object)? = try? JSONValue(parsing: Array(answer.output.utf8)) else {
        preconditionFailure("the answer is not a JSON object")
    }
    if answer.exitCode != 0 {
        precondition(object["code"]?.intValue != nil, "an error without a code")
        precondition(object["msg"]?.stringValue?.isEmpty == false, "an error without a message")
    }
    return 0
}
