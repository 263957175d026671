import Addressing
import Glibc
import Host
import KernelEye
import Netlink
import Testing

/// Connections are put into the kernel's table, and looked for in it, by conntrack-tools.
@Suite(.enabled(if: getuid() == 0 && Files.isExecutable("/usr/sbin/conntrack"), "needs root and conntrack"))
struct ConntrackTests {
    @Test func theConnectionsOfOneAddressAreForgotten() throws {
        try TestNamespace.run {
            // What it opened, what it answers, what it answers behind a translation (its address is in the reply
            // alone), and two of others.
            try insert("10.1.2.3", "10.9.9.9")
            try insert("10.8.8.8", "10.1.2.3")
            try insert("10.8.8.8", "192.0.2.1", "--dst-nat", "10.1.2.3")
            try insert("10.1.2.4", "10.9.9.9")
            try insert("fd00::3", "fd00::9")
            try insert("fd00::4", "fd00::9")
            let pod4 = try #require(IPAddress("10.1.2.3")), pod6 = try #require(IPAddress("fd00::3"))
            #expect(try Conntrack.deleteEntries(of: pod4) == 3)
            #expect(try Conntrack.deleteEntries(of: pod6) == 1)
            #expect(try Conntrack.deleteEntries(of: pod4) == 0)
            let left4 = try Command.run("/usr/sbin/conntrack", "-L", "-f", "ipv4")
            let left6 = try Command.run("/usr/sbin/conntrack", "-L", "-f", "ipv6")
            #expect(left4.contains("src=10.1.2.4") && !left4.contains("10.1.2.3"))
            #expect(left6.contains("src=fd00::4") && !left6.contains("fd00::3"))
        }
    }

    @Test func theConnectionsOfSeveralAddressesAreForgottenAtOnce() throws {
        try TestNamespace.run {
            let pod4 = try #require(IPAddress("10.1.2.3")), pod6 = try #require(IPAddress("fd00::3"))
            #expect(try Conntrack.deleteEntries(of: [pod4, pod6]) == 0)
            try insert("10.1.2.33", "10.1.2.3")
            try insert("fd00::9", "fd00::3")
            #expect(try Conntrack.deleteEntries(of: [pod4]) == 1)
            #expect(try Conntrack.deleteEntries(of: [pod4]) == 0)
            #expect(try Conntrack.deleteEntries(of: [pod6]) == 1)
            #expect(try Conntrack.deleteEntries(of: [pod6]) == 0)
            try insert("10.8.8.8", "192.0.2.1", "--dst-nat", "10.1.2.3")
            try insert("10.1.2.4", "10.9.9.9")
            try insert("fd00::3", "fd00::9")
            try insert("fd00::4", "fd00::9")
            #expect(try Conntrack.deleteEntries(of: [pod4, pod6]) == 2)
            let left4 = try Command.run("/usr/sbin/conntrack", "-L", "-f", "ipv4")
            let left6 = try Command.run("/usr/sbin/conntrack", "-L", "-f", "ipv6")
            #expect(left4.contains("src=10.1.2.4") && !left4.contains("10.1.2.3"))
            #expect(left6.contains("src=fd00::4") && !left6.contains("fd00::3"))
        }
    }

    private func insert(_ source: String, _ destination: String, _ reply: String...) throws {
        let arguments = [
            "-I", "-p", "udp", "-t", "100", "--sport", "1", "--dport", "2", "-s", source, "-d", destination,
        ]
        try Command.run("/usr/sbin/conntrack", arguments + reply)
    }
}
