import Host
import JSON
import KernelEye
import Netlink
import Testing

extension KernelSuite {
    @Suite struct AttachTests {
        /// 1.1.0 is left out: Debian's host-local does not know it.
        @Test(arguments: ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0"])
        func resultHasTheShapeOfItsVersion(_ version: String) throws {
            let node = try TestNode()
            let pod = try TestPod()
            let added = try node.cni("ADD", Configurations.local(node, version: version), pod: pod)
            #expect(added.code == 0, "\(added.output)")
            #expect(added.json["cniVersion"]?.stringValue == version)
            if version < "0.3.0" {
                #expect(added.json["ip4"]?.objectValue?["ip"]?.stringValue == "10.1.0.2/32")
                #expect(added.json["ip6"]?.objectValue?["ip"]?.stringValue == "fd00:1::2/128")
                return
            }
            let interfaces = added.json["interfaces"]?.arrayValue?.compactMap(\.objectValue) ?? []
            #expect(interfaces.count == 2)
            #expect(interfaces.first?["sandbox"]?.stringValue ?? "" == "")
            #expect(interfaces.last?["name"]?.stringValue == "eth0")
            #expect(interfaces.last?["sandbox"]?.stringValue == pod.path)
            let addresses = added.json["ips"]?.arrayValue?.compactMap(\.objectValue) ?? []
            #expect(addresses.compactMap { $0["address"]?.stringValue } == ["10.1.0.2/32", "fd00:1::2/128"])
            #expect(addresses.allSatisfy { $0["interface"]?.intValue == 1 })
            #expect((addresses.first?["version"] != nil) == (version < "1.0.0"))
        }

        @Test func podReachesItsGatewayWithoutAskingForIt() throws {
            let node = try TestNode()
            let pod = try TestPod()
            #expect(try node.cni("ADD", Configurations.local(node), pod: pod).code == 0)
            #expect(pod.pings("10.1.0.1"))
            #expect(pod.pings("fd00:1::1"))
            #expect(try pod.ip("neigh").split(separator: "\n").allSatisfy { $0.contains("PERMANENT") })
            let host = try node.ip("neigh", "show", "dev", "cni0")
            #expect(host.contains("10.1.0.2 lladdr") && host.contains("fd00:1::2 lladdr"))
            #expect(try !pod.ip("addr").contains("tentative"))
            #expect(try node.ip("route").contains("10.1.0.2 dev cni0"))
        }

        @Test func podsOfOneNodeReachEachOther() throws {
            let node = try TestNode()
            let pods = [try TestPod(), try TestPod()]
            for (index, pod) in pods.enumerated() {
                #expect(try node.cni("ADD", Configurations.local(node), pod: pod, id: "c\(index)").code == 0)
            }
            #expect(pods[0].pings("10.1.0.3"))
            #expect(pods[1].pings("fd00:1::2"))
        }

        @Test func detachLeavesNothing() throws {
            let node = try TestNode()
            let pod = try TestPod()
            let configuration = Configurations.local(node, extra: "\"ipMasq\": true")
            #expect(try node.cni("ADD", configuration, pod: pod).code == 0)
            for _ in 0..<3 { #expect(try node.cni("DEL", configuration, pod: pod).code == 0) }
            #expect(try node.vethCount() == 0)
            #expect(try node.recordNames().isEmpty)
            #expect(try node.ip("neigh").isEmpty)
            #expect(try node.ip("route").isEmpty)
            #expect(try !node.inside("nft", "list", "ruleset").contains("masquerade"))
            // The bridge stays.
            #expect(try node.links().contains("cni0"))
        }

        @Test(arguments: ["", "/run/netns/there-is-no-such-namespace"])
        func detachWorksWithoutTheNamespace(_ path: String) throws {
            let node = try TestNode()
            let pod = try TestPod()
            let configuration = Configurations.local(node)
            #expect(try node.cni("ADD", configuration, pod: pod).code == 0)
            pod.remove()
            let deleted = try node.cni("DEL", configuration, netns: path)
            #expect(deleted.code == 0, "\(deleted.output)")
            #expect(try node.vethCount() == 0)
            #expect(try node.recordNames().isEmpty)
            #expect(try node.ip("neigh").isEmpty)
        }

        @Test func detachWorksWithABrokenConfiguration() throws {
            let node = try TestNode()
            let pod = try TestPod()
            #expect(try node.cni("ADD", Configurations.local(node), pod: pod).code == 0)
            let broken = Configurations.local(node, extra: "\"mtu\": \"many\", \"vlan\": 7")
            #expect(try node.cni("DEL", broken, pod: pod).code == 0)
            #expect(try node.vethCount() == 0)
        }

        @Test func repeatedDetachSparesTheNextOwnerOfTheAddress() throws {
            let node = try TestNode()
            let pods = [try TestPod(), try TestPod()]
            let configuration = Configurations.local(node, subnets: ["10.1.0.0/30"])
            let first = try node.cni("ADD", configuration, pod: pods[0], id: "c0")
            #expect(try node.cni("DEL", configuration, pod: pods[0], id: "c0").code == 0)
            let second = try node.cni("ADD", configuration, pod: pods[1], id: "c1")
            #expect(second.output.contains("10.1.0.2/32"), "\(second.output)")
            let again = Configurations.with(result: first.output, configuration)
            #expect(try node.cni("DEL", again, pod: pods[0], id: "c0").code == 0)
            #expect(pods[1].pings("10.1.0.1"))
            #expect(try node.ip("neigh").contains("10.1.0.2 dev cni0 lladdr"))
        }

        @Test func anInterfaceThatExistsIsAnError() throws {
            let node = try TestNode()
            let pod = try TestPod()
            try pod.ip("link", "add", "eth0", "type", "bridge")
            let added = try node.cni("ADD", Configurations.local(node), pod: pod)
            #expect(added.errorCode == 4)
            #expect(added.message.contains("CNI_IFNAME") && added.message.contains("eth0"))
            #expect(try node.recordNames().isEmpty)
        }

        @Test func aFailureTakesEverythingBack() throws {
            let node = try TestNode()
            let pod = try TestPod()
            // Addresses outside of the node's own subnets are refused after they were leased.
            let foreign = Configurations.local(node)
                .replacing("\"enabled\": false", with: "\"autostart\": false")
            let added = try node.cni("ADD", foreign, pod: pod)
            #expect(added.errorCode == 7)
            #expect(added.message.contains("10.1.0.2") && added.message.contains("10.220.106.0/24"))
            #expect(try node.vethCount() == 0)
            #expect(try node.recordNames().isEmpty)
            let leases = try node.run("find", "\(node.root)/host-local", "-name", "10.*")
            #expect(leases.isEmpty, "\(leases)")
        }

        @Test func requestedMACAndMTUAreUsed() throws {
            let node = try TestNode()
            let pod = try TestPod()
            let configuration = Configurations.local(
                node,
                extra: """
                    "mtu": 1300, "runtimeConfig": {"mac": "c2:11:22:33:44:55"}, "args": {"cni": {"mac": "c2:0:0:0:0:1"}}
                    """)
            let added = try node.cni("ADD", configuration, pod: pod, arguments: "IgnoreUnknown=1;MAC=c2:00:00:00:00:02")
            #expect(added.code == 0, "\(added.output)")
            let link = try pod.ip("link", "show", "eth0")
            #expect(link.contains("c2:11:22:33:44:55") && link.contains("mtu 1300"))
            #expect(try node.ip("link", "show", "cni0").contains("mtu 1300"))
            #expect(pod.pings("fd00:1::1"))
        }

        @Test func overlayTrafficWithoutATunnelIsRefused() throws {
            let node = try TestNode()
            let pod = try TestPod()
            // An uplink with a default route, by which nothing of the overlay may leave.
            try node.ip("link", "add", "up0", "type", "veth", "peer", "name", "up1")
            try node.ip("addr", "add", "192.0.2.1/24", "dev", "up0")
            try node.ip("link", "set", "up0", "up")
            try node.ip("link", "set", "up1", "up")
            try node.ip("route", "add", "default", "via", "192.0.2.2")
            let added = try node.cni("ADD", Configurations.overlay(node), pod: pod)
            #expect(added.code == 0, "\(added.output)")
            let routes = try node.ip("route") + node.ip("-6", "route")
            for prefix in ["10.192.0.0/10", "10.220.106.0/24", "fd53:7769:726c::/48"] {
                #expect(routes.contains("unreachable \(prefix)"))
            }
            #expect(throws: TestNode.Failed.self) { try node.ip("route", "get", "10.200.0.1") }
            // The gateways are the bridge's addresses in the node's subnets, whatever the IPAM plugin's default is.
            #expect(added.output.contains("\"gateway\": \"10.220.106.2\""))
            #expect(pod.pings("10.220.106.2"))
            #expect(try pod.ip("link", "show", "eth0").contains("mtu 1420"))
        }

        /// Larger ones would not fit one send of the tunnel's.
        @Test func superPacketsFitTheTunnel() throws {
            let node = try TestNode()
            let pod = try TestPod()
            #expect(try node.cni("ADD", Configurations.overlay(node), pod: pod).code == 0)
            let links = try [node.name, pod.name].flatMap { name in
                let namespace = try NetworkNamespace(path: "/run/netns/\(name)")
                return try namespace.run { () throws(SystemError) in try KernelState.links() }
            }.filter { $0.kind == "veth" }
            #expect(links.count == 2)
            #expect(links.allSatisfy { $0.gsoMaxSize == 61_440 })
            #expect(links.allSatisfy { $0.gsoIPv4MaxSize ?? 61_440 == 61_440 })
        }

        @Test func aForeignAddressOnTheBridgeIsNamed() throws {
            let node = try TestNode()
            let pod = try TestPod()
            try node.ip("link", "add", "cni0", "type", "bridge")
            try node.ip("addr", "add", "203.0.113.1/24", "dev", "cni0")
            let refused = try node.cni("ADD", Configurations.local(node), pod: pod)
            #expect(refused.errorCode == 7)
            #expect(refused.message.contains("203.0.113.1/24") && refused.message.contains("forceAddress"))
            let forced = Configurations.local(node, extra: "\"forceAddress\": true")
            let added = try node.cni("ADD", forced, pod: pod)
            #expect(added.code == 0, "\(added.output)")
            #expect(try !node.ip("addr", "show", "cni0").contains("203.0.113.1"))
        }

        @Test func aDeviceThatIsNoBridgeIsNamed() throws {
            let node = try TestNode()
            let pod = try TestPod()
            try node.ip("link", "add", "cni0", "type", "veth", "peer", "name", "other")
            let added = try node.cni("ADD", Configurations.local(node), pod: pod)
            #expect(added.errorCode == 7)
            #expect(added.message.contains("cni0") && added.message.contains("veth"))
        }

        @Test func withoutAddressesThereIsALinkAlone() throws {
            let node = try TestNode()
            let pod = try TestPod()
            let configuration = """
                {"cniVersion": "1.0.0", "name": "plain", "type": "warrens", "tunnel": {"enabled": false}, "ipam": {}}
                """
            let added = try node.cni("ADD", configuration, pod: pod)
            #expect(added.code == 0, "\(added.output)")
            #expect(added.json["ips"] == nil)
            #expect(try pod.ip("link", "show", "eth0").contains("state UP"))
            #expect(try node.cni("DEL", configuration, pod: pod).code == 0)
        }

        @Test func aSpoofedSourceAddressIsDropped() throws {
            let node = try TestNode()
            let pod = try TestPod()
            let configuration = Configurations.local(node, extra: "\"macspoofchk\": true")
            #expect(try node.cni("ADD", configuration, pod: pod).code == 0)
            #expect(pod.pings("10.1.0.1"))
            try pod.ip("link", "set", "eth0", "address", "c2:00:00:00:00:99")
            #expect(!pod.pings("10.1.0.1"))
        }
    }
}
