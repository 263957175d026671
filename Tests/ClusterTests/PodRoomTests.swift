import Addressing
import JSON
import Overlay
import Testing

@testable import Cluster

@Suite struct PodRoomTests {
    private static func object(_ text: String) throws -> JSONObject {
        try #require(try JSONValue(parsing: Array(text.utf8)).objectValue)
    }

    @Test(arguments: [
        (#"{"status":{"capacity":{"pods":"110"}}}"#, 110),
        (#"{"status":{"capacity":{"pods":"250"},"allocatable":{"pods":200}}}"#, 200), (#"{"status":{}}"#, nil),
        ("{}", nil),
        (#"{"status":{"capacity":{"pods":"many"}}}"#, nil),
    ])
    func readsWhatKubeletMayStart(text: String, pods: Int?) throws {
        #expect(PodRoom.mostPods(of: try Self.object(text)) == pods)
    }

    @Test func saysWhatWouldBeLargeEnough() throws {
        let node = try localNode()
        #expect(PodRoom.shortage(of: node, pods: 248, settings: .default) == nil)
        let shortage = try #require(PodRoom.shortage(of: node, pods: 249, settings: .default))
        #expect(shortage.contains("has 248 addresses") && shortage.contains("v4Width in warrens.json to 13 or"))
        #expect(PodRoom.shortage(of: node, pods: 504, settings: .default)?.contains("to 13 or") == true)
        #expect(PodRoom.shortage(of: node, pods: 505, settings: .default)?.contains("to 12 or") == true)
        let huge = try #require(PodRoom.shortage(of: node, pods: 5_000_000, settings: .default))
        #expect(huge.contains("shorter v4Prefix"))
    }

    @Test func heedsPinnedSubnets() throws {
        var settings = Settings.default
        settings.subnets = [try #require(IPPrefix("10.64.0.0/28"))]
        let node = try localNode(settings)
        #expect(PodRoom.shortage(of: node, pods: 110, settings: settings)?.contains("pin a larger subnet") == true)
        #expect(PodRoom.shortage(of: node, pods: 8, settings: settings) == nil)
    }
}
