import Glibc
import Host
import JSON
import Testing

@testable import TunnelDatapath

/// What the daemon makes of its own identity.
extension DaemonTests {
    /// Another node has our machine id and the better claim, as after the copying of a disk.
    @Test func renumbersItselfWhereAnotherNodeHoldsItsSubnets() throws {
        let network = try TestNetwork(.v4)
        let records = network.a.paths.attachments
        try Files.makeDirectories(records)
        try Files.replace("\(records)/0123456789abcdef.json", with: #"{"addresses":["10.220.106.9/32"]}"#.utf8)
        // Both claims are undated, so the smaller name has the better one.
        let nodes = TestNetwork.nodes([network.a, network.b], and: [("0-twin", network.a.machineID)])
        try Files.replace(network.a.paths.nodeFile, with: nodes.utf8)
        try network.a.start()
        let status = { () throws -> JSONObject? in
            try JSONValue(parsing: Array(network.a.get("/status").utf8)).objectValue
        }
        let report = try #require(try status())
        #expect(report["claim"]?.stringValue?.hasPrefix("generation=1") == true)
        #expect(report["claim"]?.stringValue?.contains("draining=10.220.106.0/24") == true)
        let subnets = report["subnets"]?.serialized() ?? ""
        // Containers live in the IPv4 subnet alone; nothing holds the IPv6 one back.
        #expect(subnets.contains("10.220.106.0/24") && !subnets.contains("fd53:7769:726c:3029:13e9:dc81:ee6d"))
        #expect(report["warnings"]?.serialized().contains("renumbered") == true)
        let addresses = try ip("-n", network.a.namespace, "address", "show", "dev", "warrens0")
        #expect(addresses.contains("10.220.106.1/32") && addresses.contains("inet6 fd53:7769:726c"))
        #expect(!addresses.contains("fd53:7769:726c:3029:13e9:dc81:ee6d"))

        // The last container ends: what the kernel tells of its route makes the daemon look.
        try Files.removeTree(records)
        try ip("-n", network.a.namespace, "route", "add", "203.0.113.0/24", "dev", "eth0")
        #expect(try eventually { try status()?["subnets"]?.serialized().contains("10.220.106.0/24") == false })
    }

    /// What only this node knows of its claim does not count where all others judge by the file; and what is told of it
    /// is taken back once the file has the new subnets.
    @Test func aDatedNodeGivesWayToItsTwin() throws {
        let network = try TestNetwork(.v4)
        try Files.makeDirectories(network.a.paths.state)
        let identity = """
            {"machineID": "\(network.a.machineID)", "randomness": "00000000000000000000000000000000",
             "claim": "generation=0,since=2020-01-01T00:00:00Z"}
            """
        try Files.replace(network.a.paths.identity, with: identity.utf8)
        let nodes = TestNetwork.nodes([network.a, network.b], and: [("0-twin", network.a.machineID)])
        try Files.replace(network.a.paths.nodeFile, with: nodes.utf8)
        try network.a.start()
        let status = { () throws -> JSONObject? in
            try JSONValue(parsing: Array(network.a.get("/status").utf8)).objectValue
        }
        let subnets = try #require(try status()?["subnets"]?.arrayValue?.compactMap(\.stringValue))
        #expect(!subnets.contains("10.220.106.0/24"))
        #expect(try status()?["warnings"]?.serialized().contains("renumbered") == true)
        let annotated = nodes.replacing(
            "{\"name\":\"a\"}",
            with: "{\"name\":\"a\",\"annotations\":{\"warrens.io/subnets\":\"\(subnets.joined(separator: ","))\"}}")
        try Files.replace(network.a.paths.nodeFile, with: annotated.utf8)
        #expect(try eventually { try status()?["warnings"]?.serialized().contains("renumbered") == false })
        #expect(try status()?["subnets"]?.arrayValue?.compactMap(\.stringValue) == subnets)
    }

    @Test func refusesToStartAndSaysWhy() throws {
        let network = try TestNetwork(.v4)
        try network.a.start()
        let second = network.a.shell("WARRENS_ROOT=\(network.a.root) \(TestNode.executable) --foreground")
        #expect(second.code == 1 && second.output.contains("another warrensd runs on this node"), "\(second.output)")
        #expect(!Files.exists(network.a.paths.startError))
        network.a.kill()

        let refusals = [
            (#"{"datapath":"xdp"}"#, "datapath"), (#"{"framing":"vxlan"}"#, "framing"),
            (#"{"queues":0}"#, "queues"), (#"{"prot":1}"#, "prot"), ("{", "warrens.json"),
        ]
        for (settings, culprit) in refusals {
            try Files.replace(network.a.paths.settings, with: settings.utf8)
            let error = #expect(throws: SystemError.self) { try network.a.start() }
            #expect(error?.detail.contains(culprit) == true, "\(settings): \(error?.detail ?? "started")")
            let text = String(decoding: try Files.read(network.a.paths.startError), as: UTF8.self)
            #expect(text == error?.detail)
            network.a.kill()
        }
        try Files.replace(network.a.paths.settings, with: #"{"nodeName":"a"}"#.utf8)
        try network.a.start()
        #expect(!Files.exists(network.a.paths.startError))
    }
}
