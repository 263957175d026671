import Glibc
import Host
import KernelEye
import Netlink
import Testing

@Suite(.enabled(if: getuid() == 0, "needs root, to make network namespaces"))
struct NamespaceAndSysctlTests {
    @Test func aThreadGoesThereAndComesBack() throws {
        try TestNamespace.run {
            let first = try NetworkNamespace.current()
            try TestNamespace.enterNew()
            let second = try NetworkNamespace.current()
            #expect(try first.identity != second.identity)
            let there = try first.run { () throws(SystemError) in
                try RouteSocket().perform(.createBridge(Bridge(name: "br0")))
                return try NetworkNamespace.current().identity
            }
            #expect(try there == first.identity)
            #expect(try NetworkNamespace.current().identity == second.identity)
            let socket = try RouteSocket(in: first)
            #expect(try socket.link(named: "br0") != nil && RouteSocket().link(named: "br0") == nil)
            #expect(throws: SystemError.self) {
                try first.run { () throws(SystemError) in throw SystemError("fail", "", code: EIO) }
            }
            #expect(try NetworkNamespace.current().identity == second.identity)
        }
    }

    @Test func whatIsNoNamespaceIsRefused() {
        let missing = #expect(throws: SystemError.self) { _ = try NetworkNamespace(path: "/nonexistent/net") }
        #expect(missing?.code == ENOENT)
        for path in ["/proc/self/ns/mnt", "/proc/self/status", "/tmp"] {
            let other = #expect(throws: SystemError.self) { _ = try NetworkNamespace(path: path) }
            #expect(other?.code == EINVAL && other?.subject == path)
        }
    }

    @Test func settingsOfTheNamespaceAreReadAndWritten() throws {
        try TestNamespace.run {
            #expect(try Sysctl.read("net.ipv4.ip_forward") == "0")
            #expect(try Sysctl.ensure("net.ipv4.ip_forward", value: "1"))
            #expect(try !Sysctl.ensure("net", "ipv4", "ip_forward", value: "1"))
            #expect(try Sysctl.read("net", "ipv4", "ip_forward") == "1")
            // A name with a dot in it, as VLAN devices have.
            try RouteSocket().perform(.createBridge(Bridge(name: "br0.100")))
            try Sysctl.write("net", "ipv4", "conf", "br0.100", "rp_filter", value: "2")
            #expect(try Sysctl.read("net", "ipv4", "conf", "br0.100", "rp_filter") == "2")
            let missing = #expect(throws: SystemError.self) { try Sysctl.read("net.ipv4.nonsense") }
            #expect(missing?.code == ENOENT && missing?.subject == "/proc/sys/net/ipv4/nonsense")
            let escape = #expect(throws: SystemError.self) { try Sysctl.read("net", "..", "kernel", "hostname") }
            #expect(escape?.code == EINVAL)
        }
    }
}
