import Host
import Testing

extension KernelSuite {
    /// What the pods of a node share, across changes of its settings.
    @Suite struct NodeNetworkTests {
        static func overlay(bridge: String = "cni0", name: String = "overlay", extra: String = "") -> String {
            """
            {"cniVersion": "1.0.0", "name": "\(name)", "type": "warrens", "bridge": "\(bridge)",
             "tunnel": {"autostart": false}, \(extra) "ipam": {"type": "warrens-ipam"}}
            """
        }

        /// Pins the node's IPv4 subnet.
        static func pin(_ subnet: String, _ node: TestNode) throws {
            try Files.replace("\(node.root)/etc/warrens/warrens.json", with: "{\"subnets\": [\"\(subnet)\"]}".utf8)
        }

        @Test func gatewaysOfFormerSettingsAreOurOwn() throws {
            let node = try TestNode()
            let pods = [try TestPod(), try TestPod(), try TestPod()]
            try Self.pin("10.201.7.0/24", node)
            #expect(try node.cni("ADD", Self.overlay(), pod: pods[0], id: "c0").code == 0)
            try Self.pin("10.202.8.0/24", node)
            let second = try node.cni("ADD", Self.overlay(), pod: pods[1], id: "c1")
            #expect(second.code == 0, "\(second.output)")
            // A pod still uses the old one.
            #expect(pods[0].pings("10.201.7.2"))
            #expect(pods[1].pings("10.202.8.2"))
            #expect(try node.cni("DEL", Self.overlay(), pod: pods[0], id: "c0").code == 0)
            let third = try node.cni("ADD", Self.overlay(), pod: pods[2], id: "c2")
            #expect(third.code == 0, "\(third.output)")
            #expect(try !node.ip("addr", "show", "cni0").contains("10.201.7.2"))
            #expect(pods[1].pings("10.202.8.2"))
            // Others' stay foreign.
            try node.ip("addr", "add", "203.0.113.1/32", "dev", "cni0")
            let refused = try node.cni("ADD", Self.overlay(), pod: try TestPod(), id: "c3")
            #expect(refused.errorCode == 7)
            #expect(refused.message.contains("203.0.113.1"))
        }

        @Test func refusalsOfFormerSettingsAreTakenBack() throws {
            let node = try TestNode()
            let settings = "\(node.root)/etc/warrens/warrens.json"
            #expect(try node.cni("ADD", Self.overlay(), pod: try TestPod(), id: "c0").code == 0)
            #expect(try node.ip("route").contains("unreachable 10.192.0.0/10"))
            #expect(try node.ip("route").contains("unreachable 10.220.106.0/24"))
            try Files.replace(settings, with: "{\"v4Prefix\": \"10.64.0.0/10\"}".utf8)
            let added = try node.cni("ADD", Self.overlay(), pod: try TestPod(), id: "c1")
            #expect(added.code == 0, "\(added.output)")
            let routes = try node.ip("route")
            #expect(!routes.contains("10.192.0.0/10") && !routes.contains("unreachable 10.220.106.0/24"), "\(routes)")
            #expect(routes.contains("unreachable 10.64.0.0/10"))
            #expect(try node.ip("-6", "route").contains("unreachable fd53:7769:726c::/48"))
        }

        @Test func neighboursOnABridgeOfSomebodyElseOutliveTheNextPod() throws {
            let node = try TestNode()
            try node.ip("link", "add", "br9", "type", "bridge")
            try node.ip("link", "set", "br9", "up")
            let pods = [try TestPod(), try TestPod()]
            let configuration = Self.overlay(bridge: "br9", extra: "\"macspoofchk\": true,")
            for (index, pod) in pods.enumerated() {
                let added = try node.cni("ADD", configuration, pod: pod, id: "c\(index)")
                #expect(added.code == 0, "\(added.output)")
            }
            for address in ["10.220.106.8", "10.220.106.9"] {
                #expect(try node.ip("neigh").contains("\(address) dev br9 lladdr"))
            }
        }

        @Test func twoNetworksOnTwoBridgesAreNoClash() throws {
            let node = try TestNode()
            let pods = [try TestPod(), try TestPod()]
            #expect(try node.cni("ADD", Self.overlay(), pod: pods[0], id: "c0").code == 0)
            let second = Self.overlay(bridge: "cni1", name: "second")
            let added = try node.cni("ADD", second, pod: pods[1], id: "c1")
            #expect(added.code == 0, "\(added.output)")
            #expect(pods[0].pings("10.220.106.2"))
            #expect(pods[1].pings("10.220.106.2"))
        }

        @Test func aForeignBridgeInOurPrefixIsAClash() throws {
            let node = try TestNode()
            try node.ip("link", "add", "docker9", "type", "bridge")
            try node.ip("addr", "add", "10.200.0.1/16", "dev", "docker9")
            try node.ip("link", "set", "docker9", "up")
            let added = try node.cni("ADD", Self.overlay(), pod: try TestPod())
            #expect(added.errorCode == 7)
            #expect(added.message.contains("10.200.0"), "\(added.output)")
            #expect(try !node.links().contains("cni0"))
        }

        @Test func theBridgeGrowsWithItsPods() throws {
            let node = try TestNode()
            let pods = [try TestPod(), try TestPod()]
            try Files.makeDirectories("\(node.root)/run/warrens")
            for (index, mtu) in [1280, 8000].enumerated() {
                try Files.replace("\(node.root)/run/warrens/mtu", with: "\(mtu)\n".utf8)
                let added = try node.cni("ADD", Self.overlay(), pod: pods[index], id: "c\(index)")
                #expect(added.code == 0, "\(added.output)")
            }
            #expect(try node.ip("link", "show", "cni0").contains("mtu 8000"))
            #expect((try? node.inside("ping", "-c1", "-W1", "-s", "7900", "-M", "do", "10.220.106.2")) != nil)
        }

        /// The kernel forgets all neighbours on a device whose address is set.
        @Test func aForeignBridgeIsPinnedOnce() throws {
            let node = try TestNode()
            try node.ip("link", "add", "br7", "type", "bridge")
            try node.ip("link", "set", "br7", "up")
            let configuration = """
                {"cniVersion": "1.0.0", "name": "flat", "type": "warrens", "bridge": "br7", "tunnel": {"enabled": false}}
                """
            let pods = [try TestPod(), try TestPod()]
            #expect(try node.cni("ADD", configuration, pod: pods[0], id: "c0").code == 0)
            try node.ip("neigh", "add", "192.0.2.7", "lladdr", "c2:00:00:00:00:07", "nud", "stale", "dev", "br7")
            #expect(try node.cni("ADD", configuration, pod: pods[1], id: "c1").code == 0)
            #expect(try node.ip("neigh", "show", "dev", "br7").contains("192.0.2.7"))
        }
    }
}
