import Glibc
import Host
import JSON
import Testing

extension KernelSuite {
    /// `warrensd` is started once, detached, and its words reach the runtime.
    @Suite struct DaemonTests {
        static let configuration = """
            {"cniVersion": "1.1.0", "name": "tunnelled", "type": "warrens", "ipMasq": true,
             "ipam": {"type": "warrens-ipam"}}
            """

        /// A stand-in for `warrensd` that does what `script` says.
        static func standIn(_ node: TestNode, _ script: String) throws {
            let directory = "\(node.root)/bin"
            try Files.makeDirectories(directory)
            try Files.replace("\(directory)/warrensd", with: "#!/bin/sh\n\(script)\n".utf8, mode: 0o755)
            node.pluginPath.insert(directory, at: 0)
        }

        @Test func bootIsReplayed() throws {
            let node = try TestNode()
            let pod = try TestPod()
            let status = try node.cni("STATUS", Self.configuration)
            #expect(status.code == 0 && status.output.isEmpty, "\(status.output)")
            #expect(!Files.exists("\(node.root)/run"), "STATUS leaves no trace")
            let added = try node.cni("ADD", Self.configuration, pod: pod)
            #expect(added.code == 0, "\(added.output)")
            #expect(node.daemons().count == 1)
            #expect(try node.cni("STATUS", Self.configuration).code == 0)
            #expect(try node.links().contains("warrens0"))
        }

        @Test func isStartedOnceByFiftyAtATime() async throws {
            let node = try TestNode()
            let pods = try (0..<50).map { _ in try TestPod() }
            let added = try await together(pods.enumerated().map { ($0, $1) }) { index, pod in
                try node.cni("ADD", Self.configuration, pod: pod, id: "c\(index)")
            }
            #expect(added.allSatisfy { $0.code == 0 }, "\(added.first { $0.code != 0 }?.output ?? "")")
            #expect(node.daemons().count == 1)
            #expect(try node.vethCount() == 50)
            let addresses = added.flatMap { $0.json["ips"]?.arrayValue ?? [] }.compactMap {
                $0.objectValue?["address"]?.stringValue
            }
            #expect(Set(addresses).count == 100)
            for pod in pods { #expect(pod.pings("10.220.106.2")) }
            let deleted = try await together(pods.enumerated().map { ($0, $1) }) { index, pod in
                try node.cni("DEL", Self.configuration, pod: pod, id: "c\(index)")
            }
            #expect(deleted.allSatisfy { $0.code == 0 }, "\(deleted.first { $0.code != 0 }?.output ?? "")")
            #expect(try node.vethCount() == 0)
            #expect(try node.recordNames().isEmpty)
            #expect(try node.ip("neigh", "show", "dev", "cni0").isEmpty)
            #expect(try !node.ip("route").contains("dev cni0"))
            #expect(try !node.inside("nft", "list", "ruleset").contains("plugin_"))
        }

        @Test func keepsNothingOfTheRuntime() throws {
            let node = try TestNode()
            let pod = try TestPod()
            #expect(try node.cni("ADD", Self.configuration, pod: pod).code == 0)
            let pid = try #require(node.daemons().first)
            let environment = String(decoding: try Files.read("/proc/\(pid)/environ"), as: UTF8.self)
            #expect(!environment.contains("CNI_"))
            let null = try node.run("readlink", "/proc/\(pid)/fd/0")
            #expect(null == "/dev/null\n")
            #expect(try node.run("readlink", "/proc/\(pid)/fd/1") == "\(node.root)/run/warrens/warrensd.log\n")
            // Its session is its own: field 6 of stat; field 4 is the parent, who is not us.
            let fields = try node.run("cat", "/proc/\(pid)/stat").split(separator: " ")
            #expect(fields[5] != "\(getsid(0))")
            #expect(fields[3] != "\(getpid())")
        }

        @Test func itsOwnWordsAreReported() throws {
            let node = try TestNode()
            let pod = try TestPod()
            try Self.standIn(node, "echo 'port 31337 is taken by nginx' >&3; exit 1")
            let added = try node.cni("ADD", Self.configuration, pod: pod)
            #expect(added.errorCode == 11)
            #expect(added.message.contains("port 31337 is taken by nginx"))
            #expect(try node.links() == ["lo"])
            let status = try node.cni("STATUS", Self.configuration)
            #expect(status.errorCode == 50)
            #expect(status.message.contains("port 31337 is taken by nginx"))
            // An old failure must not keep the node from trying again.
            try node.run("touch", "-d", "-2 minutes", "\(node.root)/run/warrens/warrensd.error")
            #expect(try node.cni("STATUS", Self.configuration).code == 0)
        }

        @Test func oneThatDiesIsReported() throws {
            let node = try TestNode()
            let pod = try TestPod()
            try Self.standIn(node, "exit 0")
            let added = try node.cni("ADD", Self.configuration, pod: pod)
            #expect(added.errorCode == 11)
            #expect(added.message.contains("ended before it was ready"))
        }

        @Test func oneThatCannotBeExecutedIsReported() throws {
            let node = try TestNode()
            let pod = try TestPod()
            try Self.standIn(node, "")
            try Files.replace("\(node.root)/bin/warrensd", with: "\u{7f}ELF nonsense".utf8, mode: 0o755)
            let added = try node.cni("ADD", Self.configuration, pod: pod)
            #expect(added.errorCode == 11)
            #expect(added.message.contains("cannot be executed: Exec format error"), "\(added.message)")
        }

        @Test func fiftyFailAsFastAsOne() async throws {
            let node = try TestNode()
            let pods = try (0..<50).map { _ in try TestPod() }
            try Self.standIn(node, "echo x >> \(node.root)/starts; sleep 0.3; echo 'no luck' >&3; exit 1")
            let added = try await together(pods.enumerated().map { ($0, $1) }) { index, pod in
                try node.cni("ADD", Self.configuration, pod: pod, id: "c\(index)")
            }
            #expect(added.allSatisfy { $0.errorCode == 11 && $0.message.contains("no luck") })
            let starts = try Files.read("\(node.root)/starts").count / 2
            #expect(starts < 25, "\(starts) starts")
        }

        @Test func withoutAutostartNothingIsStarted() throws {
            let node = try TestNode()
            let pod = try TestPod()
            let configuration = Configurations.adding("\"tunnel\": {\"autostart\": false}", to: Self.configuration)
            let status = try node.cni("STATUS", configuration)
            #expect(status.errorCode == 50 && status.message.contains("autostart"))
            #expect(try node.cni("ADD", configuration, pod: pod).code == 0)
            #expect(node.daemons().isEmpty)
            #expect(try node.cni("STATUS", configuration).errorCode == 51, "now there is a pod that needs it")
        }

        @Test func detachDoesNotWaitForIt() throws {
            let node = try TestNode()
            let pod = try TestPod()
            #expect(try node.cni("ADD", Self.configuration, pod: pod).code == 0)
            for pid in node.daemons() { kill(pid, SIGSTOP) }
            let start = ContinuousClock.now
            #expect(try node.cni("DEL", Self.configuration, pod: pod).code == 0)
            #expect(ContinuousClock.now - start < .seconds(5))
        }
    }
}

/// Calls `body` for each input, all at once, each on a thread that may block.
func together<Input: Sendable, Output: Sendable>(
    _ inputs: [Input], _ body: @escaping @Sendable (Input) throws -> Output
) async throws -> [Output] {
    try await withThrowingTaskGroup(of: (Int, Output).self) { group in
        for (index, input) in inputs.enumerated() {
            group.addTask {
                try await withCheckedThrowingContinuation { continuation in
                    Thread.start { continuation.resume(with: Result { (index, try body(input)) }) }
                }
            }
        }
        var outputs: [(Int, Output)] = []
        for try await output in group { outputs.append(output) }
        return outputs.sorted { $0.0 < $1.0 }.map(\.1)
    }
}

enum Thread {
    /// Runs `body` on a new thread of its own.
    static func start(_ body: @escaping @Sendable () -> Void) {
        final class Box {
            let body: @Sendable () -> Void
            init(_ body: @escaping @Sendable () -> Void) { self.body = body }
        }
        var thread = pthread_t()
        let box = unsafe Unmanaged.passRetained(Box(body))
        let code = unsafe pthread_create(
            &thread, nil,
            { context in
                // Sound: the reference that `passRetained` handed over, once.
                unsafe context.map { unsafe Unmanaged<Box>.fromOpaque($0).takeRetainedValue() }?.body()
                return nil
            }, unsafe box.toOpaque())
        precondition(code == 0, "no thread: \(code)")
        pthread_detach(thread)
    }
}
