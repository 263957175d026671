import Testing

extension KernelSuite {
    @Suite struct CollectTests {
        /// Debian's host-local does not know CNI 1.1.0, so the addresses come from our own IPAM plugin.
        static let configuration = """
            {"cniVersion": "1.1.0", "name": "collected", "type": "warrens", "ipMasq": true,
             "tunnel": {"autostart": false}, "ipam": {"type": "warrens-ipam"}}
            """

        static func collect(_ node: TestNode, keeping ids: [String]) throws -> TestNode.Outcome {
            let list = ids.map { "{\"containerID\": \"\($0)\", \"ifname\": \"eth0\"}" }.joined(separator: ", ")
            return try node.cni(
                "GC", Configurations.adding("\"cni.dev/valid-attachments\": [\(list)]", to: configuration))
        }

        @Test func removesWhatIsNotValidAndNothingElse() throws {
            let node = try TestNode()
            let pods = [try TestPod(), try TestPod(), try TestPod()]
            for (index, pod) in pods.enumerated() {
                let added = try node.cni("ADD", Self.configuration, pod: pod, id: "c\(index)")
                #expect(added.code == 0, "\(added.output)")
            }
            pods[0].remove()
            #expect(try Self.collect(node, keeping: ["c1"]).code == 0)
            #expect(try node.vethCount() == 1)
            #expect(try node.recordNames().count == 1)
            #expect(pods[1].pings("10.220.106.2"))
            #expect(try node.ip("neigh", "show", "dev", "cni0").split(separator: "\n").count == 2)
            #expect(try node.inside("nft", "list", "ruleset").contains("masquerade"))
            #expect(try Self.collect(node, keeping: []).code == 0)
            #expect(try node.vethCount() == 0)
            #expect(try node.recordNames().isEmpty)
            #expect(try !node.inside("nft", "list", "ruleset").contains("masquerade"))
        }

        @Test func anAbsentListRemovesNothing() throws {
            let node = try TestNode()
            let pod = try TestPod()
            #expect(try node.cni("ADD", Self.configuration, pod: pod).code == 0)
            let collected = try node.cni("GC", Self.configuration)
            #expect(collected.errorCode == 7)
            #expect(collected.message.contains("cni.dev/valid-attachments"))
            #expect(try node.vethCount() == 1)
        }

        /// The veth of a lost record goes, with its routes; so does a record that nobody can read.
        @Test(arguments: [[], ["c1"]]) func whatNoRecordKnowsIsRemoved(_ valid: [String]) throws {
            let node = try TestNode()
            let pods = [try TestPod(), try TestPod()]
            #expect(try node.cni("ADD", Self.configuration, pod: pods[0], id: "c0").code == 0)
            let lost = try #require(try node.recordNames().first)
            #expect(try node.cni("ADD", Self.configuration, pod: pods[1], id: "c1").code == 0)
            try node.run("rm", "\(node.root)/run/warrens/attachments/\(lost)")
            try node.run("sh", "-c", "echo nonsense > \(node.root)/run/warrens/attachments/\(lost)")
            let collected = try Self.collect(node, keeping: valid)
            #expect(collected.code == 0, "\(collected.output)")
            #expect(try node.vethCount() == valid.count)
            #expect(try node.recordNames().count == valid.count)
            #expect(try node.ip("route", "show", "dev", "cni0").split(separator: "\n").count == valid.count)
            #expect(try node.inside("nft", "list", "ruleset").contains("masquerade") == !valid.isEmpty)
            if !valid.isEmpty { #expect(pods[1].pings("10.220.106.2")) }
        }

        /// A valid attachment whose record was lost keeps its interface and its routes.
        @Test func whatIsValidIsSparedWithoutARecord() throws {
            let node = try TestNode()
            let pod = try TestPod()
            #expect(try node.cni("ADD", Self.configuration, pod: pod, id: "c0").code == 0)
            try node.run("sh", "-c", "rm \(node.root)/run/warrens/attachments/*")
            #expect(try Self.collect(node, keeping: ["c0"]).code == 0)
            #expect(pod.pings("10.220.106.2"))
        }

        @Test func otherNetworksAreSpared() throws {
            let node = try TestNode()
            let pod = try TestPod()
            #expect(try node.cni("ADD", Configurations.local(node), pod: pod).code == 0)
            #expect(try Self.collect(node, keeping: []).code == 0)
            #expect(try node.vethCount() == 1)
        }
    }
}
