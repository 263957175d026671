import Glibc
import Host
import Testing

extension KernelSuite {
    /// An address may have another owner by the time of a late or repeated DEL.
    @Suite struct OwnershipTests {
        /// One address for all pods, and a lease that ends with the network namespace.
        static func configuration(_ version: String = "1.0.0") -> String {
            """
            {"cniVersion": "\(version)", "name": "narrow", "type": "warrens", "ipMasq": true,
             "tunnel": {"autostart": false}, "ipam": {"type": "warrens-ipam", "ranges": [
               [{"subnet": "10.220.106.0/24", "rangeStart": "10.220.106.50", "rangeEnd": "10.220.106.50"}]]}}
            """
        }

        /// Waits until the kernel has cleared a namespace away, and adds a pod that gets the address of the one in it. Only
        /// every few seconds does the IPAM plugin look for leases to take back.
        static func addSuccessor(
            _ pod: TestPod, _ configuration: String, to node: TestNode
        ) throws -> TestNode.Outcome {
            var added = try node.cni("ADD", configuration, pod: pod, id: "c1")
            for _ in 0..<20 where added.code != 0 {
                usleep(500_000)
                added = try node.cni("ADD", configuration, pod: pod, id: "c1")
            }
            return added
        }

        static func expectConnected(_ pod: TestPod, _ node: TestNode) throws {
            #expect(pod.pings("10.220.106.2"))
            #expect(try node.ip("route").contains("10.220.106.50 dev cni0"))
            #expect(try node.ip("neigh").contains("10.220.106.50 dev cni0 lladdr"))
            #expect(try node.inside("nft", "list", "set", "inet", "warrens", "plugin_pods4").contains("10.220.106.50"))
        }

        @Test(arguments: ["DEL", "GC", "ADD"])
        func whatEndsLateSparesTheNextOwner(_ verb: String) throws {
            let node = try TestNode()
            let pods = [try TestPod(), try TestPod(), try TestPod()]
            let configuration = Self.configuration(verb == "GC" ? "1.1.0" : "1.0.0")
            #expect(try node.cni("ADD", configuration, pod: pods[0], id: "c0").code == 0)
            pods[0].remove()
            let added = try Self.addSuccessor(pods[1], configuration, to: node)
            #expect(added.output.contains("10.220.106.50/32"), "\(added.output)")
            try Self.expectConnected(pods[1], node)
            switch verb {
            case "DEL": #expect(try node.cni("DEL", configuration, id: "c0").code == 0)
            case "GC":
                let kept = "\"cni.dev/valid-attachments\": [{\"containerID\": \"c1\", \"ifname\": \"eth0\"}]"
                #expect(try node.cni("GC", Configurations.adding(kept, to: configuration)).code == 0)
            default:
                // No address is left for it.
                #expect(try node.cni("ADD", configuration, pod: pods[2], id: "c0").code != 0)
            }
            try Self.expectConnected(pods[1], node)
            #expect(try node.recordNames().count == 1)
        }

        /// The record of the next owner was lost.
        @Test func aForeignHardwareAddressIsRespected() throws {
            let node = try TestNode()
            let pods = [try TestPod(), try TestPod()]
            let configuration = Self.configuration()
            #expect(try node.cni("ADD", configuration, pod: pods[0], id: "c0").code == 0)
            let record = try #require(try node.recordNames().first)
            pods[0].remove()
            #expect(try Self.addSuccessor(pods[1], configuration, to: node).code == 0)
            for name in try node.recordNames() where name != record {
                try node.run("mv", "\(node.root)/run/warrens/attachments/\(name)", "\(node.root)/\(name)")
            }
            // Another attachment is on record, so that the masquerade rules stay.
            let third = try TestPod()
            #expect(try node.cni("ADD", Configurations.local(node), pod: third, id: "c2").code == 0)
            try Self.expectConnected(pods[1], node)
            #expect(try node.cni("DEL", configuration, id: "c0").code == 0)
            try Self.expectConnected(pods[1], node)
        }

        /// A DEL that was killed after the addresses were handed back, and before its record went.
        @Test func aRepeatedDetachSparesTheNextOwner() throws {
            let node = try TestNode()
            let pods = [try TestPod(), try TestPod()]
            let configuration = Self.configuration()
            // Its DEL hands the lease back as ours does, then stays until it is killed together with its caller.
            try node.run("mkdir", "\(node.root)/bin")
            try Files.replace(
                "\(node.root)/bin/warrens-ipam",
                with: """
                    #!/bin/sh
                    \(TestNode.builtExecutables)/warrens-ipam || exit
                    [ "$CNI_COMMAND" = DEL ] && sleep 2
                    exit 0

                    """.utf8, mode: 0o755)
            node.pluginPath.insert("\(node.root)/bin", at: 0)
            #expect(try node.cni("ADD", configuration, pod: pods[0], id: "c0").code == 0)
            #expect(try node.cni("DEL", configuration, pod: pods[0], id: "c0", killAfter: 1_000_000).code != 0)
            node.pluginPath.removeFirst()
            #expect(try node.recordNames().count == 1)
            #expect(try node.cni("ADD", configuration, pod: pods[1], id: "c1").code == 0)
            #expect(try node.cni("DEL", configuration, pod: pods[0], id: "c0").code == 0)
            try Self.expectConnected(pods[1], node)
        }

        /// A rollback that cannot finish leaves the record to the next DEL.
        @Test func aRollbackThatFailsKeepsTheRecord() throws {
            let node = try TestNode()
            let pod = try TestPod()
            try node.run("mkdir", "\(node.root)/bin")
            try Files.replace(
                "\(node.root)/bin/stubborn",
                with: """
                    #!/bin/sh
                    [ "$CNI_COMMAND" = ADD ] || exit 1
                    echo '{"cniVersion": "1.0.0", "ips": [{"address": "192.0.2.5/24"}]}'

                    """.utf8, mode: 0o755)
            node.pluginPath.insert("\(node.root)/bin", at: 0)
            let configuration = """
                {"cniVersion": "1.0.0", "name": "stubborn", "type": "warrens", "tunnel": {"autostart": false},
                 "ipam": {"type": "stubborn"}}
                """
            #expect(try node.cni("ADD", configuration, pod: pod).errorCode == 7)
            #expect(try node.recordNames().count == 1)
        }

        @Test func aFailureBeforeTheLeaseLeavesNoRecord() throws {
            let node = try TestNode()
            let pod = try TestPod()
            try node.ip("link", "add", "cni0", "type", "veth", "peer", "name", "other")
            #expect(try node.cni("ADD", Configurations.local(node), pod: pod).errorCode == 7)
            #expect(try node.recordNames().isEmpty)
        }

        @Test func detachRemovesWhatAKilledWriterLeft() throws {
            let node = try TestNode(), pod = try TestPod()
            let configuration = Configurations.local(node)
            var name = ""
            for added in [true, false] {
                if added { #expect(try node.cni("ADD", configuration, pod: pod).code == 0) }
                let directory = "\(node.root)/run/warrens/attachments"
                if added { name = try #require(node.recordNames().first) }
                try Files.replace("\(directory)/\(name).7.1.tmp", with: "{".utf8)
                #expect(try node.cni("DEL", configuration, pod: pod).code == 0)
                #expect(try node.recordNames().isEmpty)
            }
        }

        @Test(arguments: ["warrens", "bridge"])
        func detachIgnoresWhatNeverAssignedAnything(_ type: String) throws {
            let node = try TestNode()
            let configuration = """
                {"cniVersion": "1.0.0", "name": "endless", "type": "warrens", "ipam": {"type": "\(type)"}}
                """
            #expect(try node.cni("DEL", configuration).code == 0)
        }
    }
}
