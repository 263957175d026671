import Addressing
import Host
import JSON
import Testing

@testable import Overlay

@Suite struct NodeFileTests {
    static func parse(_ text: String) throws -> NodeFile {
        try NodeFile.parse(Array(text.utf8), source: "nodes.json", settings: .default)
    }

    /// A Node in kubectl's shape.
    static func node(
        _ name: String, machineID: String = "0123456789abcdef0123456789abcdef", annotations: [String: String] = [:],
        addresses: [(String, String)] = [("InternalIP", "192.0.2.10"), ("Hostname", "attic")]
    ) -> String {
        let annotations = annotations.sorted { $0.key < $1.key }.map { key, value in
            "\(JSONValue.string(key).serialized()): \(JSONValue.string(value).serialized())"
        }
        let addresses = addresses.map { #"{"type": "\#($0.0)", "address": "\#($0.1)"}"# }
        return #"""
            {"apiVersion": "v1", "kind": "Node", "metadata": {"annotations": {"a/b": "c", \#(annotations.joined(separator: ", "))},
            "managedFields": [{"fieldsV1": {"f:metadata": {}}}], "name": \#(JSONValue.string(name).serialized())},
            "spec": {"podCIDR": "10.42.0.0/24"},
            "status": {"addresses": [\#(addresses.joined(separator: ", "))], "conditions": [{"type": "Ready"}],
            "nodeInfo": {"kernelVersion": "6.1", "machineID": "\#(machineID)"}}}
            """#.replacing(", }", with: "}")
    }

    static func list(_ nodes: [String], kind: String = "List") -> String {
        #"{"apiVersion": "v1", "items": [\#(nodes.joined(separator: ","))], "kind": "\#(kind)", "metadata": {"resourceVersion": ""}}"#
    }

    @Test(arguments: ["List", "NodeList"]) func aListOfNodesIsRead(kind: String) throws {
        let file = try Self.parse(
            Self.list(
                [Self.node("attic"), Self.node("shed", machineID: "fedcba9876543210fedcba9876543210")], kind: kind))
        #expect(file.problems.isEmpty && file.entries.map(\.name) == ["attic", "shed"])
        #expect(file.entries[0].nodeID?.description == "302913e9dc81ee6d")
        #expect(
            file.entries[1].subnets.map(\.description) == [
                "fd53:7769:726c:f3b8:20fa:795b:a1d::/112", "10.239.113.0/24",
            ])
        #expect(file.entries[0].internalAddresses.map(\.description) == ["192.0.2.10"])
    }

    @Test func oneNodeIsRead() throws {
        let file = try Self.parse(Self.node("attic"))
        #expect(file.entries.map(\.name) == ["attic"] && file.problems.isEmpty)
    }

    @Test(arguments: [
        ([("InternalIP", "127.0.0.1")], [:], "127.0.0.1 is no address that others can reach"),
        ([("InternalIP", "::1"), ("InternalIP", "192.0.2.1")], [:], "::1 is no address"),
        ([("InternalIP", "192.0.2.1")], ["warrens.io/features": "ebpf,teleport"], "\"teleport\" is unknown here"),
        ([("InternalIP", "192.0.2.1")], ["warrens.io/version": "0.1 beta"], "\"0.1 beta\" is left out"),
        ([("InternalIP", "192.0.2.1")], ["warrens.io/subnets": ""], "warrens.io/subnets: \"\" cannot be used"),
    ])
    func whatCannotWorkIsReported(
        addresses: [(String, String)], annotations: [String: String], problem: String
    ) throws {
        let file = try Self.parse(Self.node("attic", annotations: annotations, addresses: addresses))
        let texts = file.problems.map(\.description)
        #expect(texts.first?.contains(problem) == true, "\(texts)")
    }

    @Test func everyAnnotationIsTaken() throws {
        let entry = try #require(
            try Self.parse(
                Self.node(
                    "attic",
                    annotations: [
                        "warrens.io/node-id": "f3b820fa795b0a1d", "warrens.io/subnets": "10.1.0.0/24, fd00::/112",
                        "warrens.io/claim": "generation=1,since=2026-03-01T12:00:00Z,draining=10.9.0.0/24",
                        "warrens.io/endpoints": "203.0.113.5:4000,[2001:db8::1]:31337,Attic.example.org:31337",
                        "warrens.io/features": "ebpf,zero-checksum6", "warrens.io/version": "0.1.0-rc.1",
                        "warrens.io/public-key": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
                        "warrens.io/relay": "true", "warrens.io/routes": "192.168.7.0/24",
                    ])
            ).entries.first)
        #expect(entry.nodeID?.description == "f3b820fa795b0a1d")
        #expect(entry.subnets.map(\.description) == ["10.1.0.0/24", "fd00::/112"] && entry.announcesSubnets)
        #expect(entry.claim.generation == 1 && entry.claim.draining.count == 1)
        #expect(
            entry.endpoints?.map(\.description) == [
                "203.0.113.5:4000", "[2001:db8::1]:31337", "attic.example.org:31337",
            ])
        #expect(entry.features == ["ebpf", "zero-checksum6"] && entry.publicKey == [UInt8](0..<32) && entry.isRelay)
        #expect(entry.version == "0.1.0-rc.1")
        #expect(entry.routes.map(\.description) == ["192.168.7.0/24"])
    }

    @Test(arguments: [
        ("warrens.io/node-id", "302913e9dc81ee6"), ("warrens.io/node-id", "x"),
        ("warrens.io/subnets", "10.1.2.3/24"), ("warrens.io/subnets", "10.0.0.0/30"),
        ("warrens.io/subnets", "0.0.0.0/0"),
        ("warrens.io/subnets", "127.0.0.0/24"), ("warrens.io/subnets", "ff00::/64"), ("warrens.io/claim", "g=1"),
        ("warrens.io/claim", "generation=1,draining=0.0.0.0/0"),
        ("warrens.io/claim", "generation=1,draining=10.0.0.0/32"),
        ("warrens.io/claim", "generation=1,draining=ff00::/64"),
        ("warrens.io/endpoints", "192.0.2.1"), ("warrens.io/endpoints", "2001:db8::1:31337"),
        ("warrens.io/endpoints", "0.0.0.0:31337"), ("warrens.io/endpoints", "192.0.2.256:31337"),
        ("warrens.io/endpoints", "attic:0"), ("warrens.io/endpoints", "attic:65536"),
        ("warrens.io/endpoints", "-attic:1"), ("warrens.io/endpoints", "a b:1"), ("warrens.io/public-key", "AAEC"),
        ("warrens.io/public-key", "not base64"), ("warrens.io/relay", "yes"), ("warrens.io/routes", "::/0"),
    ])
    func aBadNodeIsNamedAndSkipped(key: String, value: String) throws {
        let bad = Self.node("shed", annotations: [key: value])
        let file = try Self.parse(Self.list([bad, Self.node("attic")]))
        #expect(file.entries.map(\.name) == ["attic"])
        #expect(file.problems.map(\.node) == ["shed"] && file.problems.map(\.field) == [key])
    }

    @Test(arguments: [
        (#"{"kind": "Node", "metadata": {"name": "shed", "annotations": []}}"#, "metadata.annotations"),
        (#"{"metadata": {"name": "shed", "annotations": {"warrens.io/relay": true}}}"#, "warrens.io/relay"),
        (#"{"metadata": {"name": "shed"}, "status": []}"#, "status"),
        (#"{"metadata": {"name": "shed"}, "status": {"addresses": {}}}"#, "status.addresses"),
        (#"{"metadata": {"name": "shed"}, "status": {"addresses": [3]}}"#, "status.addresses"),
        (#"{"metadata": {"name": "shed"}, "status": {"nodeInfo": {"machineID": 7}}}"#, "status.nodeInfo.machineID"),
        (#"{"metadata": {"name": "shed"}, "status": {"nodeInfo": {"machineID": "7"}}}"#, "status.nodeInfo.machineID"),
        (#"{"metadata": {"name": "shed"}}"#, "status.nodeInfo.machineID"),
        (#"{"metadata": {}}"#, "metadata.name"), ("{}", "metadata.name"), (#"{"metadata": null}"#, "metadata.name"),
        (#"{"metadata": {"name": "she d"}}"#, "metadata.name"), ("3", "kind"), ("null", "kind"),
        (#"{"kind": "Pod", "metadata": {"name": "shed"}}"#, "kind"),
    ])
    func aMisshapenNodeDoesNotSpoilTheOthers(bad: String, field: String) throws {
        let file = try Self.parse(Self.list([bad, Self.node("attic")]))
        #expect(file.entries.map(\.name) == ["attic"])
        #expect(file.problems.first?.field == field)
        #expect(["shed", "item 1", "she d"].contains(file.problems.first?.node))
    }

    @Test func aNameCountsOnce() throws {
        let file = try Self.parse(Self.list([Self.node("attic"), Self.node("attic")]))
        #expect(file.entries.count == 1 && file.problems.map(\.field) == ["metadata.name"])
    }

    @Test func misspeltAnnotationsAreReportedAndLaterOnesPassedOver() throws {
        let annotations = ["warrens.io/endpoint": "a:1", "warrens.io/post-quantum": "yes"]
        let file = try Self.parse(Self.node("attic", annotations: annotations))
        #expect(file.entries.count == 1 && file.problems.map(\.field) == ["warrens.io/endpoint"])
        #expect(file.problems.first?.message.contains("warrens.io/endpoints") == true)
    }

    @Test func namesWhatABareListIs() {
        let error = #expect(throws: OverlayError.self) { try Self.parse("[]") }
        #expect(error?.description.contains("holds a bare list") == true)
    }

    @Test(arguments: [
        "", " ", "{", "[]", "3", "{}", #"{"kind": "Pod"}"#, #"{"kind": 3}"#, #"{"kind": "List", "items": {}}"#,
        #"{"kind": "List", "items": [{"#, #"{"kind": "List", "items": []} x"#, "\u{0}",
        #"{"kind": "List", "items": [{"metadata": {"name": "a"#,
    ])
    func aBadFileIsRefusedAsAWhole(text: String) throws {
        let error = #expect(throws: OverlayError.self) { try Self.parse(text) }
        #expect(error?.source == "nodes.json" && error?.remedy.contains("kubectl") == true)
    }

    /// Read again, the file takes memory only for the nodes that are not what they were, in whatever order they stand.
    @Test func sharesWhatStaysTheSame() throws {
        let path = "/tmp/warrens-nodes-\(UInt64.random(in: 0 ... .max)).json"
        defer { _ = try? Files.remove(path) }
        let read = { (nodes: [String], former: NodeFile) in
            try Files.replace(path, with: Self.list(nodes).utf8)
            return try NodeFile.read(path, settings: .default, former: former)
        }
        let nodes = ["attic", "shed", "barn", "mill"].map { Self.node($0) }
        let first = try read(nodes, .empty)
        let changed = Self.node("barn", addresses: [("InternalIP", "192.0.2.99")])
        let second = try read([nodes[3], nodes[0], changed, nodes[1]], first)
        #expect(second.entries.map(\.name) == ["mill", "attic", "barn", "shed"])
        let former = [3, 0, 2, 1].map { first.entries[$0] }
        #expect(zip(second.entries, former).map { $0 === $1 } == [true, true, false, true])
        #expect(second.entries[2].internalAddresses.map(\.description) == ["192.0.2.99"])
    }

    @Test func anEmptyListIsNoError() throws {
        #expect(try Self.parse(Self.list([])) == NodeFile(entries: [], problems: []))
    }

    @Test func hugeUnknownMembersAreSkipped() throws {
        let node = Self.node("attic", annotations: ["example.org/blob": String(repeating: "x", count: 3 << 20)])
        try withNode { paths in
            let path = "\(paths.root)/nodes.json"
            try Files.replace(path, with: Array(Self.list([node]).utf8))
            #expect(try NodeFile.read(path, settings: .default).entries.map(\.name) == ["attic"])
            #expect(throws: OverlayError.self) { try NodeFile.read(paths.root, settings: .default) }
            #expect(throws: OverlayError.self) { try NodeFile.read("\(path).none", settings: .default) }
        }
    }

    @Test func base64IsStrict() {
        #expect(Base64.bytes("") == [] && Base64.bytes("Zg==") == [0x66] && Base64.bytes("Zm8=") == [0x66, 0x6f])
        #expect(Base64.bytes("Zm9vYmFy") == Array("foobar".utf8))
        for text in ["Zg=", "Zh==", "Zm9=", "====", "Z g=", "Zg==Zg==", "Zm8"] { #expect(Base64.bytes(text) == nil) }
    }
}
