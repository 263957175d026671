import Addressing
import Host
import Testing

@testable import Overlay

@Suite struct NodeOccupancyTests {
    @Test func recordsAndLeasesAreCounted() throws {
        try withNode { paths in
            #expect(NodeOccupancy(paths) == NodeOccupancy(NodePaths(root: "/nonexistent")))
            try Files.makeDirectories(paths.attachments)
            for name in ["a.json", "b.json", "b.json.17.tmp"] {
                try Files.replace("\(paths.attachments)/\(name)", with: [])
            }
            let addresses = "\(paths.leases)/.addresses"
            try Files.makeDirectories(addresses)
            for name in ["10.220.106.8", "fd53::10", ".tmp"] { try Files.replace("\(addresses)/\(name)", with: []) }
            let occupancy = NodeOccupancy(paths)
            #expect(occupancy.attachments == 2)
            #expect(Set(occupancy.leased.map(\.description)) == ["10.220.106.8", "fd53::10"])
        }
    }

    /// Who announces a version announces all of its features.
    @Test(arguments: [
        (["features": "gpe"], Settings.Framing.gpe), (["features": "ebpf"], nil), ([:], nil),
        (["version": "0.1.0"], .raw), (["version": "0.1.0", "features": "ebpf,gpe"], .gpe),
    ])
    func framingIsWhatAPeerAnnounces(annotations: [String: String], framing: Settings.Framing?) throws {
        let texts = Dictionary(uniqueKeysWithValues: annotations.map { ("warrens.io/\($0)", $1) })
        let file = try NodeFileTests.parse(NodeFileTests.node("shed", annotations: texts))
        let registry = Registry.build(from: file, local: nil, settings: .default, facts: .unknown)
        #expect(registry.peers.map(\.framing) == [framing])
    }
}
