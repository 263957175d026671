import Addressing
import Overlay
import Testing

@testable import TunnelDatapath

@Suite struct KeepAliveTests {
    private let own = [IPAddress("192.0.2.11"), IPAddress("2001:db8:1::11")].compactMap { $0 }

    private func entry(_ annotations: String, address: String = "192.0.2.11") throws -> NodeEntry? {
        let file = """
            {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "attic", "annotations": {\(annotations)}},
             "status": {"addresses": [{"type": "InternalIP", "address": "\(address)"}],
                        "nodeInfo": {"machineID": "0123456789abcdef0123456789abcdef"}}}
            """
        return try NodeFile.parse(Array(file.utf8), source: "nodes.json", settings: .default).entries.first
    }

    @Test(
        arguments: [
            // As the node file says without annotations, of an address of its own and of one that only a NAT has.
            ("", "192.0.2.11", nil), ("", "203.0.113.1", 20),
            (#""warrens.io/endpoints": "203.0.113.1:31337""#, "192.0.2.11", 20),
            (#""warrens.io/endpoints": "attic.example.org:31337""#, "192.0.2.11", 20),
            (#""warrens.io/endpoints": "dynamic""#, "192.0.2.11", 20),
            (#""warrens.io/endpoints": "203.0.113.1:31337, [2001:db8:1::11]:31337""#, "192.0.2.11", nil),
        ] as [(String, String, Int?)])
    func nodesWithoutAnAddressOfTheirOwnGreet(annotations: String, address: String, period: Int?) throws {
        let entry = try #require(try entry(annotations, address: address))
        #expect(KeepAlive.period(.default, entry, own: own) == period)
    }

    @Test func settingsDecide() throws {
        var settings = Settings.default
        #expect(KeepAlive.period(settings, nil, own: own) == nil)
        settings.keepalive = 7
        #expect(KeepAlive.period(settings, nil, own: own) == 7)
        settings.keepalive = 0
        #expect(KeepAlive.period(settings, try entry(#""warrens.io/endpoints": "dynamic""#), own: own) == nil)
    }

    @Test func manyAreGreetedInTurns() {
        var keepAlive = KeepAlive()
        #expect(keepAlive.next(of: 3, period: 20) == (0..<3, 20_000))
        #expect(keepAlive.next(of: 3, period: 20) == (0..<3, 20_000))
        var greeted: [Int] = []
        keepAlive = KeepAlive()
        for _ in 0..<3 {
            let (turn, wait) = keepAlive.next(of: 2500, period: 20)
            greeted += turn
            #expect(wait == 6666)
        }
        #expect(greeted == Array(0..<2500))
        #expect(keepAlive.next(of: 0, period: 20) == (0..<0, 20_000))
    }
}
