import CNI
import Glibc
import Host
import JSON
import Testing

/// With network namespaces: what the host's routes say, who is still alive, and the reference `bridge` plugin.
@Suite(.enabled(if: getuid() == 0, "network namespaces need root"))
struct HostTests {
    static let bridge = "/usr/lib/cni/bridge"

    @discardableResult
    private func command(_ words: String) throws -> String {
        let words = words.split(separator: " ").map(String.init)
        let outcome = try ChildProcess.run(
            executable: "/bin/ip", arguments: words, environment: ChildProcess.environment(setting: []), input: [])
        try #require(
            outcome.ending == .exited(code: 0), "ip \(words): \(String(decoding: outcome.errorOutput, as: UTF8.self))")
        return String(decoding: outcome.output, as: UTF8.self)
    }

    /// Makes named network namespaces, which are removed afterwards.
    private func withNamespaces(_ count: Int, _ body: ([String]) throws -> Void) throws {
        let names = (0..<count).map { "wipam-\(getpid())-\(UInt16.random(in: 0 ... .max))-\($0)" }
        defer { for name in names { _ = try? command("netns delete \(name)") } }
        for name in names { try command("netns add \(name)") }
        try body(names)
    }

    private func path(_ name: String) -> String { "/var/run/netns/\(name)" }

    @Test(arguments: [
        ("addr add 10.200.0.1/16 dev lo", "10.200.0.1"), ("route add 10.220.0.0/16 dev lo", "10.220.0.0/16"),
        ("route add 10.0.0.0/8 dev lo", "10.0.0.0/8"),
        ("-6 route add fd53:7769:726c:5::/64 dev lo", "fd53:7769:726c:5::/64"),
    ])
    func clashesWithTheHostAreNamed(change: String, culprit: String) throws {
        try withNamespaces(1) { names in
            try command("-n \(names[0]) link set lo up")
            try command("-n \(names[0]) \(change)")
            try Node.with { node in
                for (verb, code) in [("STATUS", 50), ("ADD", 7)] {
                    let answer = try node.run(verb, host: path(names[0]))
                    #expect(answer.code == code, "\(answer.text)")
                    #expect(answer.message.contains(culprit), "\(answer.text)")
                    #expect(answer.details.contains("warrens.json"))
                }
                #expect(try node.run("ADD").isSuccess)
                // Once there are leases, the host's routes are ours and nobody asks.
                #expect(try node.run("ADD", "later", host: path(names[0])).isSuccess)
            }
        }
    }

    @Test func defaultRoutesAndServicesElsewhereAreNoClash() throws {
        try withNamespaces(1) { names in
            try command("-n \(names[0]) link set lo up")
            try command("-n \(names[0]) route add default dev lo")
            try command("-n \(names[0]) route add unreachable 10.192.0.0/10 metric 4096")
            try Node.with(settings: #"{"serviceCIDRs":["10.96.0.0/12"]}"#) { node throws in
                #expect(try node.run("ADD", host: path(names[0])).isSuccess)
            }
        }
        try Node.with(settings: #"{"serviceCIDRs":["10.200.0.0/16"]}"#) { node in
            let answer = try node.run("ADD")
            #expect(answer.code == 7)
            #expect(answer.details.contains("10.200.0.0/16"), "\(answer.text)")
        }
    }

    @Test func bridgesOfOtherNetworksAreNoClash() throws {
        try withNamespaces(1) { names in
            // As `warrens` leaves a bridge: single addresses as gateways, a route to each pod.
            try command("-n \(names[0]) link add br1 type bridge")
            try command("-n \(names[0]) link set br1 up")
            try command("-n \(names[0]) addr add 10.220.106.2/32 dev br1")
            try command("-n \(names[0]) route add 10.220.106.8/32 dev br1")
            try Node.with { node in
                let answer = try node.run("ADD", extra: #""bridge":"br2""#, host: path(names[0]))
                #expect(answer.isSuccess, "\(answer.text)")
            }
            // Another's bridge has a subnet.
            try command("-n \(names[0]) addr add 10.221.0.1/16 dev br1")
            try Node.with { node in
                let answer = try node.run("ADD", extra: #""bridge":"br2""#, host: path(names[0]))
                #expect(answer.code == 7)
                #expect(answer.message.contains("10.221.0.1 on br1"), "\(answer.text)")
                #expect(try node.run("ADD", extra: #""bridge":"br1""#, host: path(names[0])).isSuccess)
            }
        }
    }

    @Test func leasesOfDeadContainersAreTakenBack() throws {
        try withNamespaces(3) { names in
            try Node.with(settings: #"{"profile":"paper","families":["ipv4"]}"#) { node in
                for number in 0..<8 {
                    let name = names[min(number, 2)]
                    #expect(try node.run("ADD", "c\(number)", netns: path(name)).isSuccess)
                }
                #expect(try node.run("ADD", "new", netns: path(names[2])).code == 11)
                try command("netns delete \(names[0])")
                // So soon after a search there is no other, which would hold up other containers.
                #expect(try node.run("STATUS").code == 50)
                // An ADD waits for the next one.
                let replaced = try node.run("ADD", "new", netns: path(names[2]))
                #expect(replaced.addresses == ["10.83.103.56/28"])
                #expect(replaced.log.contains("container c0"))
                // A name that leads to another namespace by now is as good as gone.
                try command("netns delete \(names[1])")
                try command("netns add \(names[1])")
                #expect(try node.run("STATUS").code == 50)
                try node.forgetReclaim()
                #expect(try node.run("STATUS").isSuccess)
                #expect(try node.run("ADD", "newer", netns: path(names[2])).addresses == ["10.83.103.57/28"])
                try node.expectConsistency(leases: 8, families: 1)
                try command("netns add \(names[0])")
            }
        }
    }

    @Test func leasesOfLivingContainersAreKept() throws {
        try withNamespaces(4) { names in
            let (host, lost, inhabited, others) = (names[0], names[1], names[2], names[3])
            try Node.with(settings: #"{"profile":"paper","families":["ipv4"]}"#) { node in
                _ = try node.run("ADD", "linked", netns: path(lost))
                let hash = try #require(try node.leaseFiles().first).prefix(11)
                _ = try node.run("ADD", "routed", netns: path(lost))
                _ = try node.run("ADD", "running", netns: path(inhabited))
                for number in 3..<8 { _ = try node.run("ADD", "c\(number)", netns: path(others)) }
                // The paths go away, but one pod's link, another's route and a third one's process remain.
                try command("-n \(host) link add veth\(hash) type veth peer name other")
                try command("-n \(host) link set other up")
                try command("-n \(host) link set veth\(hash) up")
                try command("-n \(host) route add 10.83.103.57/32 dev other")
                let process = try sleeper(in: inhabited)
                defer { kill(process, SIGKILL) }
                for name in [lost, inhabited] { try command("netns delete \(name)") }

                #expect(try node.run("ADD", "new", netns: path(others), host: path(host)).code == 11)
                try command("-n \(host) link delete other")
                try node.forgetReclaim()
                let first = try node.run("ADD", "new", netns: path(others), host: path(host))
                let second = try node.run("ADD", "newer", netns: path(others), host: path(host))
                try node.forgetReclaim()
                #expect(Set(first.addresses + second.addresses) == ["10.83.103.56/28", "10.83.103.57/28"])
                #expect(try node.run("ADD", "newest", netns: path(others), host: path(host)).code == 11)
                for name in [lost, inhabited] { try command("netns add \(name)") }
            }
        }
    }

    @Test func aLeaseWhoseNamespaceWasNeverSeenEndsInTime() throws {
        try withNamespaces(1) { names in
            try Node.with(settings: #"{"profile":"paper","families":["ipv4"]}"#) { node in
                for number in 0..<8 {
                    let type = number == 2 ? "bridge" : "warrens"
                    _ = try node.run("ADD", "c\(number)", type: type, host: path(names[0]))
                }
                let files = [0, 1, 2].map { number in
                    "\(node.leaseRoot)/net/"
                        + Attachment(containerID: "c\(number)", interfaceName: "eth0").fileName
                }
                let end = Attachment(containerID: "c1", interfaceName: "eth0").hostInterfaceName
                try command("-n \(names[0]) link add \(end) type veth peer name other")
                #expect(try node.run("ADD", "new", host: path(names[0])).code == 11)
                // c0 and c1 are old, and c1 has its interface; c2 is of a plugin whose interfaces have other names.
                for file in files { try setOld(file) }
                try node.forgetReclaim()
                #expect(try node.run("ADD", "new", host: path(names[0])).addresses == ["10.83.103.56/28"])
                try node.forgetReclaim()
                #expect(try node.run("ADD", "newer", host: path(names[0])).code == 11)
                try node.expectConsistency(leases: 8, families: 1)
            }
        }
    }

    /// Makes a file look as if it was written an hour ago.
    private func setOld(_ file: String) throws {
        let outcome = try ChildProcess.run(
            executable: "/usr/bin/touch", arguments: ["-d", "1 hour ago", file],
            environment: ChildProcess.environment(setting: []), input: [])
        try #require(outcome.ending == .exited(code: 0))
    }

    @Test func anInodeNumberThatAnotherContainerHasShowsNoLife() throws {
        try withNamespaces(2) { names in
            let (reused, others) = (names[0], names[1])
            try Node.with(settings: #"{"profile":"paper","families":["ipv4"]}"#) { node in
                _ = try node.run("ADD", "dead", netns: path(reused))
                for number in 1..<8 { _ = try node.run("ADD", "c\(number)", netns: path(others)) }
                let process = try sleeper(in: reused)
                defer { kill(process, SIGKILL) }
                try command("netns delete \(reused)")
                #expect(try node.run("ADD", "new", netns: path(others)).code == 11)
                // Its process belongs to a container of another name: what had the number before is gone.
                try node.forgetReclaim()
                let heir = try node.run("ADD", "heir", netns: "/proc/\(process)/ns/net")
                #expect(heir.addresses == ["10.83.103.56/28"])
                try command("netns add \(reused)")
            }
        }
    }

    /// Starts a process in a namespace; the caller ends it.
    private func sleeper(in namespace: String) throws -> pid_t {
        let outcome = try ChildProcess.run(
            executable: "/bin/sh",
            arguments: ["-c", "ip netns exec \(namespace) sleep 1000 </dev/null >/dev/null 2>&1 & echo $!; sleep 0.3"],
            environment: ChildProcess.environment(setting: []), input: [])
        let text = String(decoding: outcome.output, as: UTF8.self)
        return try #require(pid_t(text.prefix { $0.isNumber }))
    }

    @Test(.enabled(if: Files.isExecutable(bridge), "package containernetworking-plugins is missing"))
    func theReferenceBridgePluginUsesIt() throws {
        try withNamespaces(3) { names in
            try command("-n \(names[0]) link set lo up")
            try Node.with { node in
                let configuration = #"""
                    {"cniVersion":"1.0.0","name":"net","type":"bridge","bridge":"br0","isDefaultGateway":true,
                     "ipam":{"type":"warrens-ipam"}}
                    """#
                let run = { (verb: String, pod: String) in
                    try ChildProcess.run(
                        executable: "/usr/bin/nsenter", arguments: ["--net=\(path(names[0]))", Self.bridge],
                        environment: [
                            ("WARRENS_ROOT", node.root), ("CNI_COMMAND", verb), ("CNI_CONTAINERID", pod),
                            ("CNI_IFNAME", "eth0"), ("CNI_NETNS", path(pod)), ("CNI_PATH", Node.products),
                            ("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"),
                        ], input: Array(configuration.utf8))
                }
                for (pod, address) in [(names[1], "10.220.106.8"), (names[2], "10.220.106.9")] {
                    let outcome = try run("ADD", pod)
                    let result = try JSONValue(parsing: outcome.output).objectValue
                    #expect(outcome.ending == .exited(code: 0), "\(String(decoding: outcome.output, as: UTF8.self))")
                    #expect(result?["ips"]?.arrayValue?.count == 2)
                    #expect(try command("-n \(pod) addr show dev eth0").contains("\(address)/24"))
                }
                try command("netns exec \(names[1]) ping -c 1 -W 5 10.220.106.9")
                try command("netns exec \(names[1]) ping -c 1 -W 5 fd53:7769:726c:3029:13e9:dc81:ee6d:11")
                for pod in names[1...] {
                    #expect(try run("DEL", pod).ending == .exited(code: 0))
                    #expect(try run("DEL", pod).ending == .exited(code: 0))
                }
                try node.expectConsistency(leases: 0)
            }
        }
    }
}
