import Addressing
import Host
import JSON
import Testing

@testable import Overlay

@Suite struct LocalNodeTests {
    @Test func aNodeNeedsNothingButItsMachineID() throws {
        try withNode { paths in
            let node = try LocalNode.load(paths: paths, settings: .default, kernelFamilies: [.v6, .v4])
            #expect(node.nodeID.description == "302913e9dc81ee6d")
            #expect(node.subnets.map(\.family) == [.v6, .v4] && node.subnets.last?.description == "10.220.106.0/24")
            #expect(node.claim == Claim() && node.draining.isEmpty && !node.name.isEmpty)
            #expect(try LocalNode.load(paths: paths, settings: .default, kernelFamilies: [.v6, .v4]) == node)
        }
    }

    @Test func aLookMakesNothing() throws {
        try withNode { paths in
            let seen = try LocalNode.peek(paths: paths, settings: .default)
            #expect(!Files.exists(paths.state))
            #expect(try LocalNode.load(paths: paths, settings: .default) == seen)
            let next = try LocalNode.renumber(from: seen.nodeID, draining: [], paths: paths, settings: .default)
            #expect(try LocalNode.peek(paths: paths, settings: .default) == next)
        }
    }

    @Test func anUnwritableStateDirectoryDoesNotStopAFreshNode() throws {
        try withNode { paths in
            // A file stands where the directory should be.
            try Files.makeDirectories(Files.parent(of: paths.state))
            try Files.replace(paths.state, with: [])
            let node = try LocalNode.load(paths: paths, settings: .default)
            #expect(node.nodeID.description == "302913e9dc81ee6d")
            #expect(throws: OverlayError.self) {
                try LocalNode.renumber(from: node.nodeID, draining: [], paths: paths, settings: .default)
            }
        }
    }

    @Test func aTornIdentityIsAnErrorAndNotANewIdentity() throws {
        try withNode { paths in
            try Files.makeDirectories(paths.state)
            try Files.replace(paths.identity, with: Array("{\"machineID\":".utf8))
            let error = #expect(throws: OverlayError.self) {
                try LocalNode.load(paths: paths, settings: .default)
            }
            #expect(error?.source == paths.identity)
        }
    }

    @Test func renumberingIsRememberedAndDrainsTheOldSubnets() throws {
        try withNode { paths in
            let old = try LocalNode.load(paths: paths, settings: .default)
            let new = try LocalNode.renumber(
                from: old.nodeID, draining: old.subnets.map(\.prefix), paths: paths, settings: .default)
            #expect(new.nodeID != old.nodeID && new.claim.generation == 1 && new.claim.since == nil)
            #expect(new.draining == old.subnets && new.subnets != old.subnets)
            #expect(try LocalNode.load(paths: paths, settings: .default) == new)
            // A second process that noticed the same clash changes nothing.
            let again = try LocalNode.renumber(
                from: old.nodeID, draining: [], paths: paths, settings: .default)
            #expect(again == new)
        }
    }

    @Test func theClaimIsDatedOnceAndDrainedSubnetsLeaveIt() throws {
        try withNode { paths in
            let first = try LocalNode.load(paths: paths, settings: .default)
            let old = try LocalNode.renumber(
                from: first.nodeID, draining: first.subnets.map(\.prefix), paths: paths, settings: .default)
            let dated = try LocalNode.updateClaim(now: Timestamp(seconds: 5), paths: paths, settings: .default)
            #expect(dated.claim.since == Timestamp(seconds: 5) && dated.nodeID == old.nodeID)
            let drained = try LocalNode.updateClaim(
                now: Timestamp(seconds: 9), drained: [first.subnets[0].prefix], paths: paths, settings: .default)
            #expect(drained.claim.since == Timestamp(seconds: 5))
            #expect(drained.draining == Array(first.subnets.dropFirst()))
        }
    }

    @Test func twoMachinesFromOneImagePartWays() throws {
        let identity = NodeIdentity(machineID: try #require(MachineID("0123456789abcdef0123456789abcdef")))
        let one = identity.renumbered(randomness: [UInt8](repeating: 1, count: 16), draining: [])
        let other = identity.renumbered(randomness: [UInt8](repeating: 2, count: 16), draining: [])
        #expect(one?.nodeID != nil && one?.nodeID != other?.nodeID)
        var last = identity
        last.claim.generation = 255
        #expect(last.renumbered(randomness: identity.randomness, draining: []) == nil)
    }

    @Test func aCopiedDiskStartsFromItsOwnMachineID() throws {
        try withNode { paths in
            let copied = NodeIdentity(machineID: try #require(MachineID("fedcba9876543210fedcba9876543210")))
            let renumbered = try #require(copied.renumbered(randomness: [UInt8](0..<16), draining: []))
            try Files.makeDirectories(paths.state)
            try Files.replace(paths.identity, with: Array(renumbered.json.serialized().utf8))
            let node = try LocalNode.load(paths: paths, settings: .default)
            #expect(node.nodeID.description == "302913e9dc81ee6d")
        }
    }

    @Test func aFamilyThatTheKernelLacksIsLeftOutUnlessItIsNamed() throws {
        try withNode { paths in
            let node = try LocalNode.load(paths: paths, settings: .default, kernelFamilies: [.v4])
            #expect(node.subnets.map(\.family) == [.v4] && node.missingFamilies == [.v6])
            var settings = Settings.default
            settings.families = .explicit([.v6, .v4])
            let error = #expect(throws: OverlayError.self) {
                try LocalNode.load(paths: paths, settings: settings, kernelFamilies: [.v4])
            }
            #expect(error?.key == "families")
        }
    }

    @Test func pinnedSubnetsReplaceTheSelfAssignedOneOfTheirFamily() throws {
        try withNode { paths in
            var settings = Settings.default
            settings.subnets = ["10.1.0.0/24", "10.2.0.0/24"].compactMap { IPPrefix($0) }
            settings.nodeName = "attic"
            let node = try LocalNode.load(paths: paths, settings: settings, kernelFamilies: [.v6, .v4])
            #expect(node.name == "attic")
            #expect(
                node.subnets.map(\.description) == [
                    "fd53:7769:726c:3029:13e9:dc81:ee6d::/112", "10.1.0.0/24", "10.2.0.0/24",
                ])
        }
    }
}
