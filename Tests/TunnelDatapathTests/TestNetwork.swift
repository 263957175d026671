import Glibc
import Host
import JSON
import KernelEye
import Overlay
import PacketPath
import Service

@testable import TunnelDatapath

/// Two nodes, each a namespace with a daemon of its own, and a router between them:
///
///     node a ── veth ── router ── veth ── node b
///
/// Everything is removed when this ends.
final class TestNetwork {
    struct Underlay {
        var a: String
        var gatewayA: String
        var b: String
        var gatewayB: String

        static let v4 = Underlay(a: "192.0.2.2", gatewayA: "192.0.2.1", b: "198.51.100.2", gatewayB: "198.51.100.1")
        static let v6 = Underlay(
            a: "2001:db8:a::2", gatewayA: "2001:db8:a::1", b: "2001:db8:b::2", gatewayB: "2001:db8:b::1")
        /// Addresses that the overlay's own prefix contains.
        static let insideOverlay = Underlay(
            a: "10.200.1.2", gatewayA: "10.200.1.1", b: "10.200.2.2", gatewayB: "10.200.2.1")
    }

    let a: TestNode
    let b: TestNode
    private let router: String

    init(_ underlay: Underlay, farMTU: Int = 1500, framing: Settings.Framing = .raw) throws {
        let tag = String(UInt32.random(in: 0 ... .max), radix: 16)
        router = "wr\(tag)"
        a = TestNode(
            name: "a", namespace: "wa\(tag)", machineID: "0123456789abcdef0123456789abcdef", address: underlay.a)
        b = TestNode(
            name: "b", namespace: "wb\(tag)", machineID: "fedcba9876543210fedcba9876543210", address: underlay.b)
        for namespace in [router, a.namespace, b.namespace] {
            try ip("netns", "add", namespace)
            try ip("-n", namespace, "link", "set", "lo", "up")
        }
        let isV6 = underlay.a.contains(":")
        let width = isV6 ? "64" : "24"
        for (node, gateway, mtu) in [(a, underlay.gatewayA, 1500), (b, underlay.gatewayB, farMTU)] {
            try ip(
                "link", "add", "up\(node.name)", "netns", router, "type", "veth", "peer", "name", "eth0", "netns",
                node.namespace)
            let flags = isV6 ? ["nodad"] : []
            try ip(["-n", node.namespace, "addr", "add", "\(node.address)/\(width)", "dev", "eth0"] + flags)
            try ip(["-n", router, "addr", "add", "\(gateway)/\(width)", "dev", "up\(node.name)"] + flags)
            try ip("-n", router, "link", "set", "up\(node.name)", "up", "mtu", "\(mtu)")
            try ip("-n", node.namespace, "link", "set", "eth0", "up", "mtu", "\(mtu)")
            try ip("-n", node.namespace, "route", "add", "default", "via", gateway)
        }
        let key = isV6 ? "ipv6/conf/all/forwarding" : "ipv4/ip_forward"
        try ip("netns", "exec", router, "/bin/sh", "-c", "echo 1 >/proc/sys/net/\(key)")
        for node in [a, b] { try node.prepare(nodes: Self.nodes([a, b]), framing) }
    }

    deinit {
        for node in [a, b] {
            node.kill()
            try? Files.removeTree(node.root)
        }
        for namespace in [router, a.namespace, b.namespace] { _ = try? ip("netns", "delete", namespace) }
    }

    /// The annotation file's content.
    static func nodes(_ nodes: [TestNode], and more: [(name: String, machineID: String)] = []) -> String {
        let entries =
            nodes.map { entry($0.name, $0.machineID, $0.address) }
            + more.map { entry($0.name, $0.machineID, "192.0.2.99") }
        return "{\"kind\":\"NodeList\",\"items\":[\(entries.joined(separator: ","))]}"
    }

    private static func entry(_ name: String, _ machineID: String, _ address: String) -> String {
        "{\"metadata\":{\"name\":\"\(name)\"},\"status\":{\"nodeInfo\":{\"machineID\":\"\(machineID)\"},"
            + "\"addresses\":[{\"type\":\"InternalIP\",\"address\":\"\(address)\"}]}}"
    }
}

@discardableResult
func ip(_ arguments: String...) throws -> String { try ip(arguments) }

@discardableResult
func ip(_ arguments: [String]) throws -> String { try Command.run("/usr/sbin/ip", arguments) }

/// One node: a namespace, a root directory, and at times a daemon.
final class TestNode {
    let name: String
    let namespace: String
    let machineID: String
    let address: String
    let root: String
    private(set) var daemon: pid_t = 0

    init(name: String, namespace: String, machineID: String, address: String) {
        self.name = name
        self.namespace = namespace
        self.machineID = machineID
        self.address = address
        root = "/tmp/warrens-test-\(namespace)"
    }

    var paths: NodePaths { NodePaths(root: root) }
    var tunnelV4: String { name == "a" ? "10.220.106.1" : "10.239.113.1" }
    var tunnelV6: String {
        name == "a" ? "fd53:7769:726c:3029:13e9:dc81:ee6d:1" : "fd53:7769:726c:f3b8:20fa:795b:a1d:1"
    }

    func prepare(nodes: String, _ framing: Settings.Framing) throws {
        try Files.makeDirectories("\(root)/etc/warrens")
        try Files.replace("\(root)/etc/machine-id", with: "\(machineID)\n".utf8)
        try Files.replace(paths.settings, with: "{\"nodeName\":\"\(name)\",\"framing\":\"\(framing)\"}".utf8)
        try Files.replace(paths.nodeFile, with: nodes.utf8)
    }

    /// Starts the daemon and waits until it carries packets.
    func start() throws {
        try Files.remove("\(root)/ready")
        daemon = try spawn(
            "exec env WARRENS_ROOT=\(root) WARRENS_READY_DESCRIPTOR=3 \(Self.executable) 3>\(root)/ready")
        for _ in 0..<200 {
            let said = String(decoding: (try? Files.readIfPresent("\(root)/ready")) ?? [], as: UTF8.self)
            if said == "ready\n" { return }
            if !said.isEmpty { throw SystemError("start", "warrensd", code: EPROTO, detail: said) }
            usleep(50_000)
        }
        throw SystemError("start", "warrensd", code: ETIMEDOUT)
    }

    /// Ends the daemon as the kernel does when memory is short.
    func kill(signal: Int32 = SIGKILL) {
        guard daemon > 0 else { return }
        Glibc.kill(daemon, signal)
        var status: Int32 = 0
        _ = unsafe waitpid(daemon, &status, 0)
        daemon = 0
    }

    func signal(_ number: Int32) { _ = Glibc.kill(daemon, number) }

    /// Runs a shell command in the namespace.
    ///
    /// - Returns: Its output and exit code.
    func shell(_ command: String) -> (output: String, code: Int32) {
        let path = "/tmp/warrens-test-out-\(UInt64.random(in: 0 ... .max))"
        defer { _ = try? Files.remove(path) }
        guard let child = try? spawn("{ \(command); } >\(path) 2>&1") else { return ("cannot spawn", -1) }
        var status: Int32 = 0
        _ = unsafe waitpid(child, &status, 0)
        let output = String(decoding: (try? Files.readIfPresent(path)) ?? [], as: UTF8.self)
        return (output, status >> 8 & 0xff)
    }

    /// Starts a shell command in the namespace.
    func spawn(_ command: String) throws -> pid_t {
        var child: pid_t = 0
        let arguments = ["ip", "netns", "exec", namespace, "/bin/sh", "-c", command]
        // Sound: the duplicated strings live until the call has ended, and the list ends with nil.
        let list: [UnsafeMutablePointer<CChar>?] = unsafe arguments.map { unsafe strdup($0) } + [nil]
        defer { unsafe list.forEach { unsafe free($0) } }
        let code = unsafe posix_spawn(&child, "/usr/sbin/ip", nil, nil, list, environ)
        guard code == 0 else { throw SystemError("spawn", command, code: code) }
        return child
    }

    /// Asks the daemon's status socket.
    ///
    /// - Returns: The response's body, or what went wrong.
    func get(_ path: String, method: String = "GET") -> String {
        guard let client = try? TestClient(paths.socket) else { return "cannot connect" }
        client.send("\(method) \(path) HTTP/1.0\r\n\r\n")
        let response = client.receiveAll()
        guard let end = response.firstRange(of: "\r\n\r\n") else { return "no response: \(response)" }
        return String(response[end.upperBound...])
    }

    func peers() throws -> [JSONObject] {
        try JSONValue(parsing: Array(get("/peers").utf8)).arrayValue?.compactMap(\.objectValue) ?? []
    }

    func counter(_ name: String) throws -> Int {
        try JSONValue(parsing: Array(get("/status").utf8)).objectValue?["counters"]?.objectValue?[name]?.intValue ?? -1
    }

    /// The debug executable beside the test bundle.
    static var executable: String {
        var path = [CChar](repeating: 0, count: 4096)
        let count = unsafe readlink("/proc/self/exe", &path, path.count - 1)
        let own = String(decoding: path.prefix(max(0, count)).map(UInt8.init(bitPattern:)), as: UTF8.self)
        return Files.parent(of: own) + "/warrensd"
    }
}

/// A client of a status socket, well-behaved or not.
final class TestClient {
    private let file: OwnedDescriptor

    init(_ path: String) throws {
        let raw = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        file = OwnedDescriptor(owning: try retrying("open socket", path) { raw })
        guard UnixSocket.connect(file.raw, to: path) else { throw SystemError.last("connect", path) }
    }

    func send(_ text: String) { try? file.writeAll(text.utf8, subject: "status socket") }

    func receiveAll() -> String {
        String(decoding: (try? file.readAll(limit: 1 << 24, subject: "status socket")) ?? [], as: UTF8.self)
    }
}
