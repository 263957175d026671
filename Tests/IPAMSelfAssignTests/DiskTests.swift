import Glibc
import Host
import Testing

/// A file system of its own, which is full or read-only as a test wants it. Serialised: mounts are the machine's.
@Suite(.serialized, .enabled(if: getuid() == 0, "mounting a file system needs root"))
struct DiskTests {
    private func mount(_ arguments: String...) throws {
        let outcome = try ChildProcess.run(
            executable: "/bin/mount", arguments: arguments, environment: ChildProcess.environment(setting: []),
            input: [])
        try #require(outcome.ending == .exited(code: 0))
    }

    private func withDisk(_ options: String, _ body: (Node) throws -> Void) throws {
        try Node.with(settings: #"{"families":["ipv4"]}"#) { node in
            let run = "\(node.root)/run"
            try Files.makeDirectories(run)
            try mount("-t", "tmpfs", "-o", options, "none", run)
            defer {
                _ = try? ChildProcess.run(
                    executable: "/bin/umount", arguments: ["-l", run],
                    environment: ChildProcess.environment(setting: []), input: [])
            }
            try body(node)
        }
    }

    @Test func aFullDiskFailsWithoutALeak() throws {
        try withDisk("size=64k") { node in
            // Each lease takes a page; when there is none, ADD says so and nothing is left of it.
            var added = 0
            while try node.run("ADD", "c\(added)").isSuccess, added < 100 { added += 1 }
            #expect(added > 2 && added < 100)
            let refused = try node.run("ADD", "one-more")
            #expect(refused.code == 5)
            #expect(refused.details.contains("No space left on device"), "\(refused.text)")
            try node.expectConsistency(leases: added, families: 1)
            // Release needs no space, and what it frees can be used.
            #expect(try node.run("DEL", "c0").isSuccess)
            #expect(try node.run("ADD", "one-more").isSuccess)
            try node.expectConsistency(leases: added, families: 1)
            for number in 0..<added { #expect(try node.run("DEL", "c\(number)").isSuccess) }
            #expect(try node.run("DEL", "one-more").isSuccess)
            try node.expectConsistency(leases: 0, families: 1)
        }
    }

    @Test func aDiskWithoutInodesFailsWithoutALeak() throws {
        try withDisk("size=1m,nr_inodes=20") { node in
            var added = 0
            while try node.run("ADD", "c\(added)").isSuccess, added < 100 { added += 1 }
            #expect(added > 1 && added < 20)
            try node.expectConsistency(leases: added, families: 1)
            #expect(try node.run("DEL", "c0").isSuccess)
            try node.expectConsistency(leases: added - 1, families: 1)
        }
    }

    @Test func aReadOnlyDiskIsNamed() throws {
        try withDisk("size=1m") { node in
            #expect(try node.run("ADD", "a").isSuccess)
            try mount("-o", "remount,ro", "\(node.root)/run")
            let refused = try node.run("ADD", "b")
            #expect(refused.code == 5)
            #expect(refused.details.contains("Read-only file system"), "\(refused.text)")
            #expect(refused.details.contains("\(node.root)/run/warrens/leases"))
            // Nothing is pretended: the lease is still there.
            #expect(try node.run("DEL", "a").code == 5)
            #expect(try node.run("STATUS").isSuccess)
        }
    }
}
