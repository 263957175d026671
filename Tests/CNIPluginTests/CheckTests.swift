import JSON
import Testing

extension KernelSuite {
    @Suite struct CheckTests {
        /// One way to break an attachment, and what CHECK has to say about it.
        struct Mutation: Sendable, CustomTestStringConvertible {
            let testDescription: String
            let breakIt: @Sendable (TestNode, TestPod) throws -> Void
            let finding: String

            init(
                _ description: String, finding: String,
                _ breakIt: @escaping @Sendable (TestNode, TestPod) throws -> Void
            ) {
                testDescription = description
                self.finding = finding
                self.breakIt = breakIt
            }
        }

        static func veth(_ node: TestNode) throws -> String {
            try #require(try node.links().first { $0.hasPrefix("veth") })
        }

        static let mutations = [
            Mutation("pod interface gone", finding: "eth0 is missing in the pod") { _, pod in
                try pod.ip("link", "del", "eth0")
            },
            Mutation("pod interface down", finding: "eth0 in the pod is down") { _, pod in
                try pod.ip("link", "set", "eth0", "down")
            },
            Mutation("pod interface is another's", finding: "eth0 in the pod is not the peer") { _, pod in
                try pod.ip("link", "set", "eth0", "name", "old")
                try pod.ip("link", "add", "eth0", "type", "veth", "peer", "name", "eth9")
            },
            Mutation("MAC changed", finding: "has the MAC c2:00:00:00:00:05") { _, pod in
                try pod.ip("link", "set", "eth0", "address", "c2:00:00:00:00:05")
            },
            Mutation("address gone", finding: "the address 10.1.0.2 is missing") { _, pod in
                try pod.ip("addr", "del", "10.1.0.2/32", "dev", "eth0")
            },
            Mutation("IPv6 address gone", finding: "the address fd00:1::2 is missing") { _, pod in
                try pod.ip("addr", "del", "fd00:1::2/128", "dev", "eth0")
            },
            Mutation("default route gone", finding: "the route ::/0 via fd00:1::1 is missing") { _, pod in
                try pod.ip("-6", "route", "del", "default")
            },
            Mutation("gateway's neighbour entry gone", finding: "the gateway 10.1.0.1 is missing or wrong") { _, pod in
                try pod.ip("neigh", "del", "10.1.0.1", "dev", "eth0")
            },
            Mutation("host's end down", finding: "is down") { node, _ in
                try node.ip("link", "set", try veth(node), "down")
            },
            Mutation("host's end out of the bridge", finding: "is not a port of the bridge cni0") { node, _ in
                try node.ip("link", "set", try veth(node), "nomaster")
            },
            Mutation("hairpin off", finding: "hairpin mode") { node, _ in
                try node.run("bridge", "-n", node.name, "link", "set", "dev", try veth(node), "hairpin", "off")
            },
            Mutation("bridge gone", finding: "the bridge cni0 is missing") { node, _ in
                try node.ip("link", "del", "cni0")
            },
            Mutation("bridge down", finding: "the bridge cni0 is down") { node, _ in
                try node.ip("link", "set", "cni0", "down")
            },
            Mutation("gateway address gone", finding: "the gateway address 10.1.0.1 is missing") { node, _ in
                try node.ip("addr", "del", "10.1.0.1/32", "dev", "cni0")
            },
            Mutation("host's route gone", finding: "the host's route to 10.1.0.2") { node, _ in
                try node.ip("route", "del", "10.1.0.2")
            },
            Mutation("host's neighbour entry wrong", finding: "the neighbour entry of fd00:1::2 is missing") {
                node, _ in
                try node.ip("neigh", "replace", "fd00:1::2", "lladdr", "c2:00:00:00:00:07", "dev", "cni0")
            },
            Mutation("forwarding off", finding: "IPv4 forwarding is off") { node, _ in
                try node.inside("sysctl", "-qw", "net.ipv4.ip_forward=0")
            },
            Mutation("masquerade element gone", finding: "10.1.0.2 is not in the masquerade set") { node, _ in
                try node.inside("nft", "delete element inet warrens plugin_pods4 { 10.1.0.2 }")
            },
            Mutation("masquerade rules gone", finding: "the masquerade rules are missing") { node, _ in
                try node.inside("nft", "flush chain inet warrens plugin_postrouting")
            },
            Mutation("host firewall drops", finding: "the host's firewall drops") { node, _ in
                try node.inside("iptables", "-P", "FORWARD", "DROP")
            },
            Mutation("lease gone", finding: "host-local") { node, _ in
                try node.run(
                    "sh", "-c", "rm \(node.root)/host-local/local/10.1.0.2 \(node.root)/host-local/local/fd00*")
            },
            Mutation("record gone", finding: "the attachment record is missing") { node, _ in
                try node.run("sh", "-c", "rm \(node.root)/run/warrens/attachments/*")
            },
            Mutation("namespace gone", finding: "the network namespace is gone") { _, pod in
                pod.remove()
            },
        ]

        @Test(arguments: mutations)
        func findsWhatIsBroken(_ mutation: Mutation) throws {
            let node = try TestNode()
            let pod = try TestPod()
            let configuration = Configurations.local(node, extra: "\"ipMasq\": true")
            let added = try node.cni("ADD", configuration, pod: pod)
            let checked = Configurations.with(result: added.output, configuration)
            let before = try node.cni("CHECK", checked, pod: pod)
            #expect(before.code == 0 && before.output.isEmpty, "\(before.output)")
            try mutation.breakIt(node, pod)
            let after = try node.cni("CHECK", checked, pod: pod)
            #expect(after.errorCode == 100)
            #expect(after.message.contains(mutation.finding), "\(after.message)")
        }

        @Test func overlayRefusalsAreChecked() throws {
            let node = try TestNode()
            let pod = try TestPod()
            let configuration = Configurations.overlay(node)
            let added = try node.cni("ADD", configuration, pod: pod)
            try node.ip("route", "del", "unreachable", "10.192.0.0/10", "metric", "4096")
            let checked = try node.cni(
                "CHECK", Configurations.with(result: added.output, configuration), pod: pod)
            #expect(checked.message.contains("unreachable 10.192.0.0/10"))
            // Nobody started the tunnel, and autostart is off.
            #expect(checked.message.contains("warrensd does not run"))
        }

        @Test func theHostLearnsOfANewHardwareAddressAfterTheLinkWasDown() throws {
            let node = try TestNode()
            let pod = try TestPod()
            #expect(try node.cni("ADD", Configurations.local(node), pod: pod).code == 0)
            #expect((try? node.inside("ping", "-c1", "-W2", "10.1.0.2")) != nil)
            try pod.ip("link", "set", "eth0", "down")
            try pod.ip("link", "set", "eth0", "address", "c2:00:00:00:00:08")
            try pod.ip("link", "set", "eth0", "up")
            try pod.ip("route", "add", "default", "dev", "eth0", "src", "10.1.0.2")
            // What the pod says when its link comes up may be lost with the bridge's port still closed. The host finds out
            // by itself, at the latest after rtnetlink(7)'s delay and three unanswered probes: eight seconds.
            let answered = (0..<15).contains { _ in
                (try? node.inside("ping", "-c1", "-W1", "10.1.0.2")) != nil
            }
            #expect(answered)
        }

        @Test func aPermanentNeighbourIsDemandedWhereSpoofingIsRefused() throws {
            let node = try TestNode()
            let pod = try TestPod()
            let configuration = Configurations.local(node, extra: "\"macspoofchk\": true")
            let added = try node.cni("ADD", configuration, pod: pod)
            let checked = Configurations.with(result: added.output, configuration)
            #expect(try node.cni("CHECK", checked, pod: pod).code == 0)
            try node.ip("neigh", "del", "10.1.0.2", "dev", "cni0")
            #expect(try node.cni("CHECK", checked, pod: pod).message.contains("the neighbour entry of 10.1.0.2"))
        }

        /// An operator's rule, or an agent's, about some packets: no damage, whenever it was put in front of ours.
        @Test func aNarrowDropIsNoFinding() throws {
            let node = try TestNode()
            let pod = try TestPod()
            try node.inside("iptables", "-P", "FORWARD", "DROP")
            let configuration = Configurations.local(node)
            let added = try node.cni("ADD", configuration, pod: pod)
            try node.inside("iptables", "-I", "FORWARD", "-s", "192.0.2.7", "-j", "DROP")
            let checked = Configurations.with(result: added.output, configuration)
            let result = try node.cni("CHECK", checked, pod: pod)
            #expect(result.code == 0, "\(result.output)")
            // Nor is it overruled by the next ADD.
            let second = try TestPod()
            #expect(try node.cni("ADD", configuration, pod: second, id: "c2").code == 0)
            let rules = try node.inside("iptables", "-S", "FORWARD").split(separator: "\n")
            #expect(rules.dropFirst().first?.contains("192.0.2.7") == true, "\(rules)")
        }

        /// The pod's neighbour entries without their states, which change as time goes by.
        static func neighbours(_ node: TestNode) throws -> [String] {
            try node.ip("neigh").split(separator: "\n").filter {
                $0.hasPrefix("10.1.0.2 ") || $0.hasPrefix("fd00:1::2 ")
            }
            .map { $0.split(separator: " ").prefix(5).joined(separator: " ") }
        }

        /// Plugins behind us: no false alarm, and the pod stays reachable.
        @Test(arguments: [
            "{\"type\": \"tuning\", \"mac\": \"c2:11:22:33:44:55\", \"mtu\": 1300, \"promisc\": true}",
            "{\"type\": \"tuning\", \"sysctl\": {\"net.core.somaxconn\": \"500\"}}",
            "{\"type\": \"sbr\"}",
            """
            {"type": "bandwidth", "ingressRate": 10000000, "ingressBurst": 10000000, "egressRate": 10000000,
             "egressBurst": 10000000}
            """,
            "{\"type\": \"firewall\", \"backend\": \"iptables\"}",
            """
            {"type": "portmap", "runtimeConfig": {"portMappings": [
              {"hostPort": 8080, "containerPort": 80, "protocol": "tcp"}]}}
            """,
        ])
        func changesOfLaterPluginsAreNoFinding(_ plugin: String) throws {
            let node = try TestNode()
            let pod = try TestPod()
            let configuration = Configurations.local(node)
            let added = try node.cni("ADD", configuration, pod: pod)
            let type = try #require(try JSONValue(parsing: Array(plugin.utf8)).objectValue?["type"]?.stringValue)
            let chained = Configurations.with(
                result: added.output,
                Configurations.adding("\"cniVersion\": \"1.0.0\", \"name\": \"local\"", to: plugin))
            let changed = try node.reference(type, "ADD", chained, pod: pod)
            #expect(changed.code == 0, "\(changed.output)")
            #expect((try? node.inside("ping", "-c1", "-W2", "10.1.0.2")) != nil, "before CHECK")
            #expect((try? node.inside("ping", "-c1", "-W2", "fd00:1::2")) != nil, "before CHECK")
            let neighbours = try Self.neighbours(node)
            let checked = try node.cni(
                "CHECK", Configurations.with(result: changed.output, configuration), pod: pod)
            #expect(checked.code == 0, "\(checked.output)")
            #expect(try neighbours == Self.neighbours(node), "CHECK changes nothing")
            let deleted = Configurations.with(result: changed.output, Configurations.local(node))
            #expect(
                try node.reference(type, "DEL", Configurations.with(result: changed.output, chained), pod: pod).code
                    == 0)
            #expect(try node.cni("DEL", deleted, pod: pod).code == 0)
            #expect(try node.vethCount() == 0)
        }
    }
}
