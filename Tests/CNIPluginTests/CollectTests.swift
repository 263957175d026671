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

        @Test func otherNetworksAreSpared() throws {
            let node = try TestNode()
            let pod = try TestPod()
            #expect(try node.cni("ADD", Configurations.local(node), pod: pod).code == 0)
            #expect(try Self.collect(node, keeping: []).code == 0)
            #expect(try node.vethCount() == 1)
        }
    }
}
