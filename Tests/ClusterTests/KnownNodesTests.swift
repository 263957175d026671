import Addressing
import Overlay
import Testing

@testable import Cluster

@Suite struct KnownNodesTests {
    private static func node(_ name: String, annotations: [String: String] = [:]) -> NodeDescription {
        var node = NodeDescription()
        node.name = name
        node.machineID = "0123456789abcdef0123456789abcdef"
        node.annotations = annotations
        node.addresses = [("InternalIP", "192.0.2.1"), ("Hostname", name)]
        return node
    }

    private static func nodes(_ count: Int) -> KnownNodes {
        var nodes = KnownNodes(confirmation: 60)
        for number in 0..<count { _ = nodes.put(node("n\(number)")) }
        return nodes
    }

    private static func text(_ nodes: KnownNodes) -> String {
        var bytes: [UInt8] = []
        nodes.write { (piece: [UInt8]) in bytes += piece }
        return String(decoding: bytes, as: UTF8.self)
    }

    @Test func tellsWhatChangesTheFileFromWhatDoesNot() {
        var nodes = Self.nodes(2)
        #expect(nodes.put(Self.node("n0")) == false)
        var heartbeat = Self.node("n0")
        heartbeat.resourceVersion = "99"
        #expect(nodes.put(heartbeat) == false)
        #expect(nodes.put(Self.node("n0", annotations: ["claim": "generation=1"])) == true)
        let removed = (nodes.remove("n1"), nodes.remove("n1"))
        #expect(removed == (true, false))
    }

    @Test func writesAFileThatTheOthersReadAndItselfTakesUp() throws {
        var nodes = Self.nodes(0)
        for name in ["b", "a"] {
            _ = nodes.put(Self.node(name, annotations: ["subnets": "10.220.\(name == "a" ? 1 : 2).0/24"]))
        }
        let text = Self.text(nodes)
        let file = try NodeFile.parse(Array(text.utf8), source: "test", settings: .default)
        #expect(file.entries.map(\.name) == ["a", "b"] && file.problems.isEmpty)
        #expect(file.entries[0].subnets.map(\.description) == ["10.220.1.0/24"])

        var taken = KnownNodes()
        var rest = Array(text.utf8)[...]
        try taken.load {
            defer { rest = rest.dropFirst(7) }
            return Array(rest.prefix(7))
        }
        #expect(taken.count == 2 && Self.text(taken) == text)
        #expect(Self.text(KnownNodes()) == "{\"apiVersion\":\"v1\",\"kind\":\"NodeList\",\"items\":[\n\n]}\n")
    }

    @Test(arguments: ["", "{", "[]", #"{"items":[{"metadata":{"name":"a"}}]"#, #"{"items":[{"metadata":]}"#])
    func takesUpNothingOfABrokenFile(text: String) {
        var nodes = Self.nodes(3)
        var pieces = [Array(text.utf8)]
        #expect(throws: (any Error).self) { try nodes.load { pieces.popLast() ?? [] } }
        #expect(nodes.count == 3)
    }

    // MARK: Short lists

    @Test func believesAListThatLacksFew() {
        var nodes = Self.nodes(10)
        let missing = nodes.settle(listed: Set((0..<5).map { "n\($0)" }), now: 0)
        #expect(missing.removed == (5..<10).map { "n\($0)" } && missing.kept.isEmpty && nodes.count == 5)
    }

    @Test(arguments: [0, 1, 4])
    func doubtsAListThatLacksMost(left: Int) {
        var nodes = Self.nodes(10)
        let listed = Set((0..<left).map { "n\($0)" })
        #expect(nodes.settle(listed: listed, now: 100).kept.count == 10 - left)
        #expect(nodes.count == 10 && nodes.doubtedCount == 10 - left && nodes.nextDoubt == 160)
        // Too soon to say it again.
        #expect(nodes.settle(listed: listed, now: 159).removed.isEmpty)
        #expect(nodes.count == 10 && nodes.nextDoubt == 160)
        #expect(nodes.settle(listed: listed, now: 160).removed.count == 10 - left)
        #expect(nodes.count == left && nodes.doubtedCount == 0 && nodes.nextDoubt == nil)
    }

    @Test func forgetsItsDoubtsOnceAListIsLongAgain() {
        var nodes = Self.nodes(10)
        _ = nodes.settle(listed: [], now: 0)
        #expect(nodes.settle(listed: Set((0..<10).map { "n\($0)" }), now: 10) == KnownNodes.Missing())
        #expect(nodes.doubtedCount == 0)
        // A later short list begins anew.
        #expect(nodes.settle(listed: [], now: 100).removed.isEmpty)
    }

    @Test func removesAtOnceWhatAWatchSaysIsDeleted() {
        var nodes = Self.nodes(10)
        _ = nodes.settle(listed: [], now: 0)
        #expect(nodes.remove("n3") == true)
        #expect(nodes.count == 9 && nodes.doubtedCount == 9)
    }

    @Test func keepsWhatHasComeBackMeanwhile() {
        var nodes = Self.nodes(10)
        _ = nodes.settle(listed: [], now: 0)
        _ = nodes.put(Self.node("n3"))
        let missing = nodes.settle(listed: ["n4"], now: 60)
        // All but the two are confirmed to be gone. Of the two that are left, half is no suspicious loss.
        #expect(missing.removed.count == 9 && nodes.count == 1)
    }

    @Test func doesNotDoubtListsOfSmallClusters() {
        var nodes = Self.nodes(3)
        #expect(nodes.settle(listed: [], now: 0).removed.count == 3)
    }
}
