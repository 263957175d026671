import Host
import Testing

extension KernelSuite {
    @Suite struct FirewallTests {
        /// A node with an uplink to a host that knows no way back to pods.
        static func uplinked() throws -> (node: TestNode, outside: TestPod) {
            let node = try TestNode()
            let outside = try TestPod()
            try node.ip("link", "add", "up0", "type", "veth", "peer", "name", "up0", "netns", outside.name)
            for (prefix, end) in [("192.0.2", "/24"), ("2001:db8::", "/64")] {
                let separator = prefix.contains(":") ? "" : "."
                let flags = prefix.contains(":") ? ["nodad"] : []
                _ = try TestNode.shell(
                    ["ip", "-n", node.name, "addr", "add", "\(prefix)\(separator)1\(end)", "dev", "up0"] + flags)
                _ = try TestNode.shell(
                    ["ip", "-n", outside.name, "addr", "add", "\(prefix)\(separator)2\(end)", "dev", "up0"] + flags)
            }
            try node.ip("link", "set", "up0", "up")
            try outside.ip("link", "set", "up0", "up")
            try outside.ip("link", "set", "lo", "up")
            // Neighbour discovery on the uplink is no concern of these tests, and takes its time.
            _ = try? node.inside("ping", "-c3", "-i0.3", "-W1", "2001:db8::2")
            return (node, outside)
        }

        @Test func podsReachTheWorldOnlyWhenMasqueraded() throws {
            let (node, outside) = try Self.uplinked()
            let pods = [try TestPod(), try TestPod()]
            #expect(try node.cni("ADD", Configurations.local(node), pod: pods[0], id: "c0").code == 0)
            let masqueraded = Configurations.local(node, extra: "\"ipMasq\": true, \"ipMasqBackend\": \"nftables\"")
            #expect(try node.cni("ADD", masqueraded, pod: pods[1], id: "c1").code == 0)
            #expect(!pods[0].pings("192.0.2.2"))
            #expect(pods[1].pings("192.0.2.2"))
            #expect(pods[1].pings("2001:db8::2"))
            // Pods of this node see each other's addresses, not the node's.
            try outside.ip("route", "add", "10.1.0.0/24", "via", "192.0.2.1")
            #expect(pods[0].pings("10.1.0.3"))
        }

        @Test func hostFirewallsThatDropArePassedAndLeftAsTheyWere() throws {
            let (node, outside) = try Self.uplinked()
            let pod = try TestPod()
            try node.inside("iptables", "-P", "FORWARD", "DROP")
            try node.inside("ip6tables", "-A", "FORWARD", "-j", "REJECT")
            let before = try node.inside("iptables", "-S") + node.inside("ip6tables", "-S")
            let configuration = Configurations.local(node, extra: "\"ipMasq\": true")
            #expect(try node.cni("ADD", configuration, pod: pod).code == 0)
            #expect(pod.pings("192.0.2.2"))
            #expect(pod.pings("2001:db8::2"))
            // What nobody in a pod asked for stays out.
            try outside.ip("route", "add", "10.1.0.0/24", "via", "192.0.2.1")
            #expect(!outside.pings("10.1.0.2"))
            // iptables still understands its table, and our rules come again after a flush.
            #expect(try node.inside("iptables", "-S").contains("warrens: "))
            try node.inside("iptables", "-F", "FORWARD")
            let second = try TestPod()
            #expect(try node.cni("ADD", configuration, pod: second, id: "c2").code == 0)
            #expect(pod.pings("192.0.2.2"))
            for (id, pod) in [("c1", pod), ("c2", second)] {
                #expect(try node.cni("DEL", configuration, pod: pod, id: id).code == 0)
            }
            #expect(try node.inside("iptables", "-S") + node.inside("ip6tables", "-S") == before)
        }

        @Test func aHostFirewallThatAcceptsIsLeftAlone() throws {
            let node = try TestNode()
            let pod = try TestPod()
            try node.inside("iptables", "-A", "FORWARD", "-s", "192.0.2.7", "-j", "DROP")
            try node.inside("iptables", "-A", "FORWARD", "-j", "ACCEPT")
            let before = try node.inside("iptables", "-S")
            #expect(try node.cni("ADD", Configurations.local(node), pod: pod).code == 0)
            #expect(try node.inside("iptables", "-S") == before)
        }

        @Test(arguments: ["ruleset", "chain inet warrens plugin_postrouting"])
        func flushedRulesComeBackForAllPods(_ flushed: String) throws {
            let (node, outside) = try Self.uplinked()
            defer { withExtendedLifetime(outside) {} }
            let pods = [try TestPod(), try TestPod()]
            let configuration = Configurations.local(node, extra: "\"ipMasq\": true")
            #expect(try node.cni("ADD", configuration, pod: pods[0], id: "c0").code == 0)
            try node.inside("nft", "flush \(flushed)")
            #expect(!pods[0].pings("192.0.2.2"))
            #expect(try node.cni("ADD", configuration, pod: pods[1], id: "c1").code == 0)
            #expect(pods[0].pings("192.0.2.2"))
            #expect(pods[1].pings("192.0.2.2"))
        }

        /// What cannot be opened safely is named.
        @Test func statusNamesForeignChainsThatDrop() throws {
            let node = try TestNode()
            try node.inside("nft", "add table inet firewalld")
            try node.inside(
                "nft", "add chain inet firewalld filter_FORWARD { type filter hook forward priority 10; policy drop; }")
            try node.inside("iptables", "-P", "FORWARD", "DROP")
            let configuration = Configurations.overlay(node, version: "1.1.0")
            let status = try node.cni("STATUS", configuration)
            #expect(status.errorCode == 50)
            #expect(status.message.contains("inet firewalld filter_FORWARD drops"), "\(status.output)")
            #expect(!status.message.contains("chain ip filter"))
        }

        /// A kernel without nf_tables and connection tracking: nothing to open, and nothing to take away.
        @Test(.enabled(if: Files.isExecutable("/usr/bin/strace"), "needs strace, which plays the kernel's part"))
        func aKernelWithoutNetfilterIsNoObstacle() throws {
            let node = try TestNode()
            let pod = try TestPod()
            // The first socket of the process is its routing socket, and ADD's second the pod's.
            let masqueraded = Configurations.local(node, extra: "\"ipMasq\": true")
            #expect(try node.cni("ADD", masqueraded, pod: pod).code == 0)
            let wrapper = "\(node.root)/refused"
            try Files.replace(
                wrapper,
                with: """
                    #!/bin/sh
                    exec strace -o /dev/null -e trace=socket \
                        -e inject=socket:error=EPROTONOSUPPORT:when=2+ \(TestNode.builtExecutables)/warrens

                    """.utf8, mode: 0o755)
            let deleted = try node.cni("DEL", masqueraded, pod: pod, executable: wrapper)
            #expect(deleted.code == 0, "\(deleted.output)")
            #expect(try node.vethCount() == 0)
        }

        @Test func routerAdvertisementsAreStillListenedTo() throws {
            let (node, outside) = try Self.uplinked()
            defer { withExtendedLifetime(outside) {} }
            let pod = try TestPod()
            try node.inside("sysctl", "-qw", "net.ipv6.conf.up0.accept_ra=1")
            try node.ip("-6", "route", "add", "default", "via", "2001:db8::2", "dev", "up0", "proto", "ra")
            #expect(try node.cni("ADD", Configurations.local(node), pod: pod).code == 0)
            #expect(try node.inside("sysctl", "-n", "net.ipv6.conf.up0.accept_ra") == "2\n")
        }
    }
}
