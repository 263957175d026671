import Addressing
import Host
import JSON
import Overlay
import Testing

@testable import Cluster

@Suite struct PublicationTests {
    private let node: LocalNode
    private let settings: Settings

    init() throws {
        var settings = Settings.default
        settings.nodeName = "a"
        self.settings = settings
        node = try localNode(settings)
    }

    private func patch(_ present: [String: String], features: Set<String>? = ["ebpf"]) -> String? {
        Publication(node, features: features).patch(of: present)?.serialized()
    }

    @Test func saysEverythingOnANewNode() {
        #expect(
            patch([:])
                == #"{"metadata":{"annotations":{"warrens.io/claim":"generation=0","warrens.io/node-id":"302913e9dc81ee6d","#
                + #""warrens.io/subnets":"fd53:7769:726c:3029:13e9:dc81:ee6d::/112,10.220.106.0/24","#
                + #""warrens.io/version":"\#(Release.version)","warrens.io/features":"ebpf"}}}"#)
    }

    @Test func saysOnlyWhatDiffersAndLeavesTheOperatorsAlone() {
        let present = [
            "claim": "generation=0", "node-id": "302913e9dc81ee6d", "features": "ebpf", "version": Release.version,
            "subnets": "fd53:7769:726c:3029:13e9:dc81:ee6d::/112,10.220.106.0/24", "endpoints": "192.0.2.1:4000",
            "routes": "198.51.100.0/24", "relay": "true",
        ]
        #expect(patch(present) == nil)
        var older = present
        older["claim"] = "generation=1"
        #expect(patch(older) == #"{"metadata":{"annotations":{"warrens.io/claim":"generation=0"}}}"#)
    }

    @Test func keepsWhatTheOperatorWishesAmongTheFeatures() {
        let rest = [
            "claim": "generation=0", "node-id": "302913e9dc81ee6d", "version": Release.version,
            "subnets": "fd53:7769:726c:3029:13e9:dc81:ee6d::/112,10.220.106.0/24",
        ]
        let with = { (features: String) in rest.merging(["features": features]) { $1 } }
        #expect(patch(with("checksum-deferral, ebpf")) == nil)
        #expect(
            patch(with("checksum-deferral"))
                == #"{"metadata":{"annotations":{"warrens.io/features":"checksum-deferral,ebpf"}}}"#)
        #expect(patch(with("gpe"), features: []) == #"{"metadata":{"annotations":{"warrens.io/features":null}}}"#)
        // What the daemon has not said yet changes nothing.
        #expect(patch(with("gpe"), features: nil) == nil)
    }

    // MARK: Claims

    private func rival(_ name: String, _ annotations: [String: String]) -> NodeDescription {
        var description = NodeDescription()
        description.name = name
        description.annotations = annotations
        return description
    }

    private func lost(to others: [NodeDescription]) throws -> (lost: Conflict?, news: [Bool]) {
        var rivals = ClaimRivals(node, settings: settings)
        var known = KnownNodes()
        var news: [Bool] = []
        for other in others {
            _ = known.put(other)
            news.append(rivals.see(other))
        }
        return (try rivals.lost(among: known), news)
    }

    @Test func holdsItsSubnetsAmongStrangers() throws {
        let result = try lost(to: [
            rival("a", ["subnets": "10.220.106.0/24"]), rival("b", ["subnets": "10.220.107.0/24"]),
        ])
        #expect(result.lost == nil && result.news == [false, false])
    }

    @Test func losesToABetterClaim() throws {
        let better = rival("b", ["subnets": "10.220.106.0/24", "claim": "generation=0,since=2026-01-01T00:00:00Z"])
        let result = try lost(to: [better])
        #expect(result.lost?.winner == "b" && result.news == [true])
    }

    @Test func winsAgainstAWorseClaim() throws {
        let worse = rival("b", ["subnets": "10.220.106.0/24"])
        let result = try lost(to: [worse])
        #expect(result.lost == nil && result.news == [true])
    }

    @Test func meetsACopyOfItsMachine() throws {
        var copy = rival("A-copy", [:])
        copy.machineID = "0123456789abcdef0123456789abcdef"
        let result = try lost(to: [copy])
        #expect(result.lost?.winner == "A-copy" && result.news == [true])
    }

    @Test func isFreeAgainOnceTheRivalGivesWay() throws {
        var rivals = ClaimRivals(node, settings: settings)
        let better = rival("b", ["subnets": "10.220.106.0/24", "claim": "generation=0,since=2026-01-01T00:00:00Z"])
        #expect(rivals.see(better) == true)
        var moved = better
        moved.annotations["subnets"] = "10.220.107.0/24"
        #expect(rivals.see(moved) == true)
        #expect(rivals.see(moved) == false)
        #expect(rivals.see(better) == true)
        let forgotten = (rivals.forget("b"), rivals.forget("b"))
        #expect(forgotten == (true, false))
    }
}
