import CNI
import Glibc
import Host
import JSON
import Synchronization
import Testing

@testable import IPAMSelfAssign

@Suite struct DurabilityTests {
    /// Eight IPv4 addresses, so that one that is lost is missed.
    private let small = #"{"profile":"paper","families":["ipv4"]}"#

    @Test(arguments: FaultPoint.allCases)
    func anAddThatWasKilledIsRepaired(point: FaultPoint) throws {
        try Node.with(settings: small) { node in
            _ = try node.run("ADD", "before")
            let killed = try node.run("ADD", "victim", faultPoint: point.rawValue)
            guard killed.ending == .killed(signal: SIGKILL) else { return #expect(killed.isSuccess) }
            // The runtime tries again, then gives up and deletes, and every address can still be had.
            let again = try node.run("ADD", "victim")
            #expect(again.isSuccess, "\(again.text)")
            try node.expectConsistency(leases: 2, families: 1)
            #expect(try node.run("DEL", "victim").isSuccess)
            for number in 0..<7 { #expect(try node.run("ADD", "c\(number)").isSuccess) }
            try node.expectConsistency(leases: 8, families: 1)
            #expect(try node.run("ADD", "c7").code == 11)
        }
    }

    @Test(arguments: FaultPoint.allCases)
    func aDeleteThatWasKilledIsRepaired(point: FaultPoint) throws {
        try Node.with(settings: small) { node in
            for name in ["before", "victim"] { _ = try node.run("ADD", name) }
            let killed = try node.run("DEL", "victim", faultPoint: point.rawValue)
            guard killed.ending == .killed(signal: SIGKILL) else { return #expect(killed.isSuccess) }
            #expect(try node.run("DEL", "victim").isSuccess)
            try node.expectConsistency(leases: 1, families: 1)
            for number in 0..<7 { #expect(try node.run("ADD", "c\(number)").isSuccess) }
            try node.expectConsistency(leases: 8, families: 1)
            #expect(try node.run("ADD", "c7").code == 11)
        }
    }

    @Test func aCommittedLeaseSurvivesTheKill() throws {
        try Node.with { node in
            #expect(try node.run("ADD", faultPoint: FaultPoint.leaseCommitted.rawValue).ending == .killed(signal: 9))
            let addresses = try node.leasedAddresses()
            let again = try node.run("ADD")
            #expect(Set(again.addresses.map { String($0.prefix { $0 != "/" }) }) == Set(addresses))
        }
    }

    @Test func killsAtAnyMomentLoseNothing() throws {
        try Node.with(settings: small) { node in
            let directory = node.root
            // A shell kills each run after a random time, some while it works and some when it is done.
            let script = """
                for i in $(seq 60); do
                    CNI_COMMAND=$([ $((i % 3)) = 0 ] && echo DEL || echo ADD) CNI_CONTAINERID=c$((RANDOM % 6)) \
                        CNI_NETNS=/none CNI_IFNAME=eth0 WARRENS_ROOT=\(directory) \
                        \(Node.products)/warrens-ipam >/dev/null 2>&1 \
                        <<<'{"cniVersion":"1.0.0","name":"net","type":"warrens","tunnel":{"enabled":false},"ipam":{}}' &
                    pid=$!
                    sleep 0.0$((RANDOM % 25 / 10))$((RANDOM % 10))
                    kill -9 $pid 2>/dev/null
                    wait $pid 2>/dev/null
                done; true
                """
            let ending = try ChildProcess.run(
                executable: "/bin/bash", arguments: ["-c", script], environment: ChildProcess.environment(setting: []),
                input: []
            ).ending
            #expect(ending == .exited(code: 0))
            for number in 0..<6 { #expect(try node.run("DEL", "c\(number)").isSuccess) }
            for number in 0..<8 { #expect(try node.run("ADD", "d\(number)").isSuccess) }
            try node.expectConsistency(leases: 8, families: 1)
        }
    }

    @Test func oneHundredAtOnceGetAddressesOfTheirOwn() throws {
        try Node.with { node in
            let all = Mutex<[String]>([])
            inParallel(100) { number in
                let answer = try? node.run("ADD", "c\(number)")
                all.withLock { $0 += answer?.addresses ?? [] }
            }
            #expect(Set(all.withLock { $0 }).count == 200)
            try node.expectConsistency(leases: 100)
            inParallel(100) { number in _ = try? node.run("DEL", "c\(number)") }
            try node.expectConsistency(leases: 0)
        }
    }

    @Test(arguments: ["", "{", #"{"network":"net"}"#, "\0\0\0\0", "container\r\neth0"])
    func tornLeaseFilesAreRepaired(content: String) throws {
        try Node.with(settings: small) { node in
            for name in ["a", "b"] { _ = try node.run("ADD", name) }
            let torn = "\(node.leaseRoot)/net/\(Attachment(containerID: "a", interfaceName: "eth0").fileName)"
            try Files.replace(torn, with: Array(content.utf8))
            #expect(try node.run("CHECK", "a").code == 999)
            try Files.replace(torn, with: Array(content.utf8))
            #expect(try node.run("ADD", "a").isSuccess)
            try node.expectConsistency(leases: 2, families: 1)
            try Files.replace(torn, with: Array(content.utf8))
            #expect(try node.run("DEL", "a").isSuccess)
            try node.expectConsistency(leases: 1, families: 1)
            for number in 0..<7 { #expect(try node.run("ADD", "c\(number)").isSuccess) }
        }
    }

    @Test(arguments: [".state", ".pools/10.83.103.56-10.83.103.63"])
    func brokenIndexFilesAreRepaired(file: String) throws {
        for content in [[], [1, 2, 3], [UInt8](repeating: 0xff, count: 100)] as [[UInt8]] {
            try Node.with(settings: small) { node in
                for name in ["a", "b"] { _ = try node.run("ADD", name) }
                try Files.replace("\(node.leaseRoot)/\(file)", with: content)
                let answer = try node.run("ADD", "c")
                #expect(answer.isSuccess, "\(answer.text)")
                try node.expectConsistency(leases: 3, families: 1)
            }
        }
    }

    @Test func whatCannotBeReadIsNotTakenForFree() throws {
        try Node.with(settings: small) { node in
            for name in ["a", "b"] { _ = try node.run("ADD", name) }
            // A change was cut short, and the repair finds a directory that cannot be opened: a link to itself.
            try NumberFile(opening: "\(node.leaseRoot)/.state", writable: true).write(1, at: 3)
            let (directory, away) = ("\(node.leaseRoot)/net", "\(node.root)/away")
            try Files.move(directory, to: away)
            try #require(unsafe symlink("net", directory) == 0)
            let refused = try node.run("ADD", "c")
            #expect(refused.code == 5 && refused.details.contains(directory), "\(refused.text)")
            try Files.remove(directory)
            try Files.move(away, to: directory)
            #expect(try node.run("ADD", "c").isSuccess)
            try node.expectConsistency(leases: 3, families: 1)
        }
    }

    @Test func strayFilesAreNoNetworks() throws {
        try Node.with(settings: small) { node in
            for number in 0..<8 { #expect(try node.run("ADD", "c\(number)").isSuccess) }
            try Files.replace("\(node.leaseRoot)/stray", with: [])
            #expect(try node.run("ADD", "more").code == 11)
            #expect(try node.run("STATUS").code == 50)
            #expect(try node.run("GC", network: "stray", extra: #""cni.dev/valid-attachments":[]"#).isSuccess)
        }
    }

    @Test func aRebootEndsAllLeases() throws {
        try Node.with { node in
            for name in ["a", "b"] { _ = try node.run("ADD", name) }
            // What a store on a disk looks like after a reboot: everything is of another boot.
            let file = try NumberFile(opening: "\(node.leaseRoot)/.state", writable: true)
            try file.write(1, at: 1)
            for name in try node.leaseFiles() {
                let path = "\(node.leaseRoot)/net/\(name)"
                let text = String(decoding: try Files.read(path), as: UTF8.self)
                let old = text.replacing(try Boot.id, with: "00000000-0000-0000-0000-000000000000")
                try Files.replace(path, with: Array(old.utf8))
            }
            #expect(try node.run("CHECK", "a").code == 999)
            #expect(try node.run("ADD", "c").isSuccess)
            try node.expectConsistency(leases: 1)
        }
    }
}
