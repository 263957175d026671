import Glibc
import Host
import Testing

struct DetachedProcessTests {
    private let log = "/tmp/detached-\(getpid())-\(UInt32.random(in: 0 ... .max)).log"

    private func start(_ script: String) throws -> DetachedProcess {
        try DetachedProcess.start(
            executable: "/bin/sh", arguments: ["-c", script],
            environment: [(name: "PATH", value: "/usr/bin:/bin"), (name: "GREETING", value: "hello")], log: log)
    }

    @Test func readinessIsHeard() throws {
        let process = try start("echo \"$GREETING\"; sleep 0.1; echo ready >&$WARRENS_READY_DESCRIPTOR")
        defer { _ = try? Files.remove(log) }
        #expect(process.readiness(within: 10) == .pending)
        #expect(process.readiness(within: 5_000) == .ready)
        #expect(try Files.read(log) == Array("hello\n".utf8))
    }

    @Test func failureIsHeardInItsOwnWords() throws {
        let process = try start("echo 'the port is taken' >&3; exit 1")
        defer { _ = try? Files.remove(log) }
        #expect(process.readiness(within: 5_000) == .failed("the port is taken"))
    }

    @Test func anEarlyEndIsAFailure() throws {
        let process = try start("exit 0")
        defer { _ = try? Files.remove(log) }
        #expect(process.readiness(within: 5_000) == .failed("it ended before it was ready"))
    }

    @Test func whatCannotBeExecutedIsAFailure() throws {
        let process = try DetachedProcess.start(executable: "/there/is/none", environment: [], log: "/dev/null")
        #expect(process.readiness(within: 5_000) == .failed("cannot be executed: No such file or directory"))
    }

    @Test func nothingIsInherited() throws {
        let leak = try OwnedDescriptor.open("/etc/hostname", O_RDONLY)
        // Not closed on exec, as a careless runtime leaves it.
        let raw = dup(leak.raw)
        defer { close(raw) }
        let process = try start("ls /proc/$$/fd; cut -d' ' -f6 /proc/$$/stat; pwd; echo ready >&3")
        defer { _ = try? Files.remove(log) }
        #expect(process.readiness(within: 5_000) == .ready)
        let lines = String(decoding: try Files.read(log), as: UTF8.self).split(separator: "\n").map(String.init)
        #expect(Array(lines.prefix(4)) == ["0", "1", "2", "3"])
        #expect(lines.count == 6 && lines.last == "/")
        #expect(lines.dropLast().last != "\(getsid(0))")
    }
}
