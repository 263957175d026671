import Addressing
import Host
import JSON
import Testing

@testable import Overlay

@Suite struct PublishedClaimTests {
    private static let cluster: Settings = {
        var settings = Settings.default
        settings.nodeSource = .kubernetes
        return settings
    }()

    private static func with(_ body: (NodePaths, LocalNode) throws -> Void) throws {
        try withNode { paths in
            try body(paths, try LocalNode.load(paths: paths, settings: cluster, kernelFamilies: [.v6, .v4]))
        }
    }

    @Test func comesBackAsItWasWritten() throws {
        try Self.with { paths, node in
            #expect(try PublishedClaim.read(paths) == nil)
            for claim in [PublishedClaim(node), PublishedClaim(node, conflict: "b has it")] {
                try claim.write(paths)
                #expect(try PublishedClaim.read(paths) == claim)
                #expect(claim.isClaim(of: node))
            }
        }
    }

    @Test func letsAddressesBeLeasedOnceTheClaimInForceIsThere() throws {
        try Self.with { paths, node in
            #expect(try node.unpublished(paths, .default) == nil)
            let missing = try #require(try node.unpublished(paths, Self.cluster))
            #expect(missing.problem.contains("10.220.106.0/24") && missing.remedy.contains("warrens-nodes"))

            try PublishedClaim(node).write(paths)
            #expect(try node.unpublished(paths, Self.cluster) == nil)

            try PublishedClaim(node, conflict: "10.220.106.0/24 is claimed by b").write(paths)
            let contested = try #require(try node.unpublished(paths, Self.cluster))
            #expect(contested.problem.contains("claimed by b") && contested.remedy.contains("warrensd"))
        }
    }

    @Test func asksForTheNewClaimOnceANodeIsRenumbered() throws {
        try Self.with { paths, node in
            try PublishedClaim(node).write(paths)
            let renumbered = try LocalNode.renumber(
                from: node.nodeID, draining: [], paths: paths, settings: Self.cluster, kernelFamilies: [.v6, .v4])
            let waiting = try #require(try renumbered.unpublished(paths, Self.cluster))
            let subnet = try #require(renumbered.subnets.last)
            #expect(waiting.problem.contains("not yet that to") && waiting.problem.contains(subnet.description))
            try PublishedClaim(renumbered).write(paths)
            #expect(try renumbered.unpublished(paths, Self.cluster) == nil)
            #expect(try node.unpublished(paths, Self.cluster) != nil)
        }
    }

    @Test func passesOnWhatKeepsTheClaimFromBeingPublished() throws {
        try Self.with { paths, node in
            try Files.makeDirectories(paths.run)
            try Files.replace(paths.nodesError, with: Array("the API server answers 403; allow it\n".utf8))
            let missing = try #require(try node.unpublished(paths, Self.cluster))
            #expect(missing.remedy == "warrens-nodes: the API server answers 403; allow it")
        }
    }

    @Test(arguments: [
        "", "{", "[]", #"{"nodeID":"302913e9dc81ee6d","generation":0}"#,
        #"{"nodeID":"x","generation":0,"subnets":[]}"#,
        #"{"nodeID":"302913e9dc81ee6d","generation":256,"subnets":["10.220.106.0/24"]}"#,
        #"{"nodeID":"302913e9dc81ee6d","generation":0,"subnets":["10.220.106.0/24",7]}"#,
    ])
    func believesNoDamagedFile(content: String) throws {
        try Self.with { paths, node in
            try Files.makeDirectories(paths.state)
            try Files.replace(paths.publishedClaim, with: Array(content.utf8))
            #expect(try PublishedClaim.read(paths) == nil)
            #expect(try node.unpublished(paths, Self.cluster) != nil)
        }
    }
}
