import Testing

extension KernelSuite {
    /// Bad input gets the specified code and a message that names the culprit, and leaves nothing behind.
    @Suite struct BadInputTests {
        struct Case: Sendable, CustomTestStringConvertible {
            let testDescription: String
            let configuration: String
            let code: Int
            let culprits: [String]

            init(_ member: String, code: Int, _ culprits: String...) {
                testDescription = member
                configuration = """
                    {"cniVersion": "1.0.0", "name": "n", "type": "warrens", "tunnel": {"enabled": false}, \(member)}
                    """
                self.code = code
                self.culprits = culprits
            }
        }

        static let cases = [
            Case("\"vlan\": 7", code: 2, "vlan", "7"),
            Case("\"nonsense\": {\"a\": [1]}", code: 2, "nonsense", "{\"a\":[1]}"),
            Case("\"isGateway\": false", code: 2, "isGateway", "false"),
            Case("\"isDefaultGateway\": false", code: 2, "isDefaultGateway", "false"),
            Case("\"ipMasqBackend\": \"iptables\"", code: 2, "ipMasqBackend", "iptables"),
            Case("\"tunnel\": {\"enabled\": false, \"speed\": 9}", code: 2, "tunnel.speed", "9"),
            Case("\"tunnel\": true", code: 7, "tunnel", "true"),
            Case("\"tunnel\": {\"enabled\": \"no\"}", code: 7, "tunnel.enabled", "no"),
            Case("\"bridge\": 5", code: 7, "bridge", "5"),
            Case("\"bridge\": \"a/b\"", code: 7, "bridge", "a/b"),
            Case("\"bridge\": \"sixteen-bytes-xx\"", code: 7, "bridge", "sixteen-bytes-xx"),
            Case("\"bridge\": \"warrens0\"", code: 7, "bridge", "warrens0"),
            Case("\"mtu\": \"1400\"", code: 7, "mtu", "1400"),
            Case("\"mtu\": 68", code: 7, "mtu", "68"),
            Case("\"mtu\": 70000", code: 7, "mtu", "70000"),
            Case("\"mtu\": -1", code: 7, "mtu", "-1"),
            Case("\"mtu\": 1e400", code: 7, "mtu"),
            Case("\"ipMasq\": \"yes\"", code: 7, "ipMasq", "yes"),
            Case("\"hairpinMode\": true, \"promiscMode\": true", code: 7, "hairpinMode", "promiscMode"),
            Case("\"runtimeConfig\": {\"mac\": \"nonsense\"}", code: 7, "runtimeConfig.mac", "nonsense"),
            Case("\"args\": {\"cni\": {\"mac\": \"01:00:00:00:00:01\"}}", code: 7, "args.cni.mac", "01:00:00:00:00:01"),
            Case("\"port\": 31337", code: 7, "port", "31337", "/etc/warrens/warrens.json"),
            Case("\"v4Prefix\": \"10.0.0.0/8\"", code: 7, "v4Prefix", "10.0.0.0/8", "/etc/warrens/warrens.json"),
            Case("\"datapath\": \"tun\"", code: 7, "datapath", "/etc/warrens/warrens.json"),
            Case("\"ipam\": {\"type\": \"no-such-plugin\"}", code: 7, "no-such-plugin"),
            Case("\"ipam\": {\"type\": \"warrens\"}", code: 7, "ipam.type", "warrens"),
            Case("\"ipam\": {\"type\": \"../evil\"}", code: 7, "../evil"),
        ]

        @Test(arguments: cases)
        func isRefused(_ bad: Case) throws {
            let node = try TestNode()
            let pod = try TestPod()
            let added = try node.cni("ADD", bad.configuration, pod: pod)
            #expect(added.code != 0)
            #expect(added.errorCode == bad.code, "\(added.output)")
            for culprit in bad.culprits { #expect(added.message.contains(culprit), "\(added.message)") }
            #expect(try node.links() == ["lo"])
            // Whatever is wrong with the configuration, DEL of what never came to be succeeds.
            if !bad.testDescription.contains("ipam") {
                #expect(try node.cni("DEL", bad.configuration, pod: pod).code == 0)
            }
        }

        @Test func aBadMACInTheArgumentsIsRefused() throws {
            let node = try TestNode()
            let pod = try TestPod()
            let added = try node.cni("ADD", Configurations.local(node), pod: pod, arguments: "IgnoreUnknown=1;MAC=x")
            #expect(added.errorCode == 4)
            #expect(added.message.contains("CNI_ARGS") && added.message.contains("MAC=x"))
        }

        @Test(arguments: ["/run/netns/there-is-no-such-namespace", "/etc/hostname"])
        func aBadNamespaceIsRefused(_ path: String) throws {
            let node = try TestNode()
            let added = try node.cni("ADD", Configurations.local(node), netns: path)
            #expect(added.errorCode == 4)
            #expect(added.message.contains("CNI_NETNS") && added.message.contains(path), "\(added.message)")
        }

        @Test func theNodesOwnNamespaceIsRefused() throws {
            let node = try TestNode()
            for verb in ["ADD", "DEL"] {
                let refused = try node.cni(verb, Configurations.local(node), netns: "/run/netns/\(node.name)")
                #expect(refused.errorCode == 8, "\(verb): \(refused.output)")
            }
        }

        @Test func brokenSettingsAreNamed() throws {
            let node = try TestNode(settings: "{\"port\": \"many\"}")
            let pod = try TestPod()
            let added = try node.cni("ADD", Configurations.overlay(node), pod: pod)
            #expect(added.errorCode == 7)
            #expect(added.message.contains("warrens.json") && added.message.contains("port"), "\(added.message)")
        }

        @Test func checkNeedsAPreviousResult() throws {
            let node = try TestNode()
            let pod = try TestPod()
            let checked = try node.cni("CHECK", Configurations.local(node), pod: pod)
            #expect(checked.errorCode == 7)
            #expect(checked.message.contains("prevResult"))
        }
    }
}
