import Addressing
import Host
import Testing

@testable import Overlay

/// What any node computes for any other, held against vectors of the protocol.
@Suite struct SelfAssignmentTests {
    struct Vector: Sendable {
        let machineID: String
        let nodeID: String
        let subnets: [String]
        let paper: String
    }

    static let vectors = [
        Vector(
            machineID: "0123456789abcdef0123456789abcdef", nodeID: "302913e9dc81ee6d",
            subnets: ["fd53:7769:726c:3029:13e9:dc81:ee6d::/112", "10.220.106.0/24"], paper: "10.83.103.48/28"),
        Vector(
            machineID: "fedcba9876543210fedcba9876543210", nodeID: "f3b820fa795b0a1d",
            subnets: ["fd53:7769:726c:f3b8:20fa:795b:a1d::/112", "10.239.113.0/24"], paper: "10.83.250.208/28"),
    ]

    @Test(arguments: vectors) func subnetsFollowFromTheMachineID(vector: Vector) throws {
        let nodeID = NodeID(machineID: try #require(MachineID(vector.machineID)))
        #expect(nodeID.description == vector.nodeID)
        #expect(NodeID(vector.nodeID) == nodeID)
        let subnets = SelfAssignment.subnets(of: nodeID, settings: .default)
        #expect(subnets.map(\.prefix) == vector.subnets.compactMap { IPPrefix($0) })
        let paper = SelfAssignment.subnets(of: nodeID, settings: Settings(profile: .paper))
        #expect(paper.map(\.description).last == vector.paper)
    }

    @Test func indicesAreFoldedToTheWidth() throws {
        let nodeID = try #require(NodeID("302913e9dc81ee6d"))
        #expect(SelfAssignment.index(of: nodeID, width: 14) == 0x1c6a)
        #expect(SelfAssignment.index(of: nodeID, width: 12) == 0x673)
    }

    @Test func anIDWithLeadingZerosKeepsThem() throws {
        // Found by search: about one machine in sixteen has such an id.
        let machine = (0..<256).lazy.compactMap {
            MachineID(Hexadecimal.text([UInt8](repeating: UInt8($0), count: 16)))
        }
        .first { NodeID(machineID: $0).rawValue >> 60 == 0 }
        let nodeID = NodeID(machineID: try #require(machine))
        #expect(nodeID.description.utf8.count == 16 && nodeID.description.hasPrefix("0"))
        #expect(NodeID(nodeID.description) == nodeID)
    }

    @Test func aRenumberedNodeHasAnotherID() throws {
        let machine = try #require(MachineID("0123456789abcdef0123456789abcdef"))
        let randomness = [UInt8](0..<16)
        let first = NodeID(machineID: machine, randomness: randomness, generation: 1)
        #expect(NodeID(machineID: machine, randomness: randomness, generation: 0) == NodeID(machineID: machine))
        #expect(first.rawValue == FNV1a.hash64(machine.canonicalBytes + randomness + [1]))
        #expect(first != NodeID(machineID: machine))
        #expect(first != NodeID(machineID: machine, randomness: randomness, generation: 2))
    }

    @Test func hashesAsPublished() {
        // Test vectors of draft-eastlake-fnv.
        #expect(FNV1a.hash64([]) == 0xcbf2_9ce4_8422_2325)
        #expect(FNV1a.hash64(Array("a".utf8)) == 0xaf63_dc4c_8601_ec8c)
        #expect(FNV1a.hash64(Array("foobar".utf8)) == 0x8594_4171_f739_67e8)
    }

    @Test func aSubnetIsDividedIntoItsParts() throws {
        let v4 = try #require(IPPrefix("10.220.106.0/24").flatMap { NodeSubnet($0) })
        #expect(v4.tunnelAddress.description == "10.220.106.1" && v4.bridgeAddress.description == "10.220.106.2")
        #expect(v4.firstContainer.description == "10.220.106.8" && v4.lastContainer.description == "10.220.106.255")
        #expect(v4.containerCount == 248)
        let paper = try #require(IPPrefix("10.83.103.48/28").flatMap { NodeSubnet($0) })
        #expect(paper.containerCount == 8 && paper.lastContainer.description == "10.83.103.63")
        let v6 = try #require(IPPrefix("fd53:7769:726c:3029:13e9:dc81:ee6d::/112").flatMap { NodeSubnet($0) })
        #expect(v6.tunnelAddress.description == "fd53:7769:726c:3029:13e9:dc81:ee6d:1")
        #expect(v6.firstContainer.description == "fd53:7769:726c:3029:13e9:dc81:ee6d:10")
        #expect(v6.containerCount == 65_520)
        #expect(IPPrefix("10.0.0.0/29").flatMap { NodeSubnet($0) } == nil)
        #expect(IPPrefix("fd00::/124").flatMap { NodeSubnet($0) } == nil)
        #expect(IPPrefix("fd00::/16").flatMap { NodeSubnet($0) }?.containerCount == Int.max)
    }
}
