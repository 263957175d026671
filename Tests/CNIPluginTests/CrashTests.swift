import Host
import Testing

extension KernelSuite {
    /// kill -9 at any point of ADD or DEL loses nothing that the next run does not repair.
    @Suite struct CrashTests {
        static let configuration = """
            {"cniVersion": "1.0.0", "name": "crash", "type": "warrens", "ipMasq": true,
             "tunnel": {"autostart": false}, "ipam": {"type": "warrens-ipam"}}
            """

        static let moments: [UInt32] = (1...40).map { $0 * 1500 }

        static func expectNothingLeft(_ node: TestNode, _ moment: UInt32) throws {
            #expect(try node.vethCount() == 0, "killed after \(moment) µs")
            #expect(try node.recordNames().filter { $0.hasSuffix(".json") }.isEmpty, "killed after \(moment) µs")
            #expect(try !node.ip("neigh").contains("PERMANENT"), "killed after \(moment) µs")
            #expect(try !node.ip("route").contains("dev cni0"), "killed after \(moment) µs")
            #expect(try !node.inside("nft", "list", "ruleset").contains("plugin_"), "killed after \(moment) µs")
            let leases = try Files.names(in: "\(node.root)/run/warrens/leases/crash")
            #expect(leases.isEmpty, "killed after \(moment) µs: \(leases)")
        }

        @Test func detachRepairsAKilledAttach() throws {
            let node = try TestNode()
            for moment in Self.moments {
                let pod = try TestPod()
                _ = try node.cni("ADD", Self.configuration, pod: pod, killAfter: moment)
                let deleted = try node.cni("DEL", Self.configuration, pod: pod)
                #expect(deleted.code == 0, "\(moment): \(deleted.output)")
                try Self.expectNothingLeft(node, moment)
            }
        }

        @Test func detachRepairsAKilledDetach() throws {
            let node = try TestNode()
            for moment in Self.moments {
                let pod = try TestPod()
                #expect(try node.cni("ADD", Self.configuration, pod: pod).code == 0)
                _ = try node.cni("DEL", Self.configuration, pod: pod, killAfter: moment)
                #expect(try node.cni("DEL", Self.configuration, pod: pod).code == 0)
                try Self.expectNothingLeft(node, moment)
            }
        }

        /// The runtime did not even call DEL.
        @Test func attachRepairsAKilledAttach() throws {
            let node = try TestNode()
            for moment in Self.moments {
                let pod = try TestPod()
                let killed = try node.cni("ADD", Self.configuration, pod: pod, killAfter: moment)
                let added = try node.cni("ADD", Self.configuration, pod: pod)
                // One that had done everything but answer is a finished attachment, which must not be made twice.
                if killed.code == 0 || added.message.contains("exists already") {
                    #expect(added.errorCode == 4)
                } else {
                    #expect(added.code == 0, "killed after \(moment) µs: \(added.output)")
                    #expect(pod.pings("10.220.106.2"), "killed after \(moment) µs")
                }
                #expect(try node.cni("DEL", Self.configuration, pod: pod).code == 0)
                try Self.expectNothingLeft(node, moment)
            }
        }
    }
}
