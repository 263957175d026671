import Addressing
import JSON
import Testing

@testable import Overlay

@Suite struct StatusReportTests {
    static func sample() throws -> StatusReport {
        let subnet = try #require(IPPrefix("10.220.106.0/24"))
        let kernel = KernelReport(
            hooks: "tcx", aggregation: "none", missing: ["familyChange: too old"],
            programs: [
                .init(name: "tunnel", device: 3, direction: "egress", number: 17),
                .init(name: "uplink", device: 2, direction: "ingress", number: nil),
            ],
            maps: [
                .init(name: "peers", entries: 1, capacity: 131_072),
                .init(name: "flows", entries: nil, capacity: 1, forgets: true),
            ])
        return StatusReport(
            version: "0.1.0", datapath: "tun", datapathReason: "set in warrens.json",
            kernel: kernel, name: "attic", nodeID: NodeID(rawValue: 5), subnets: [subnet],
            claim: Claim(generation: 1, since: Timestamp(seconds: 77), draining: [subnet]), mtu: 1420, uptime: 12,
            registry: .init(
                peers: 1, problems: [NodeProblem(node: "shed", field: "warrens.io/subnets", message: "bad")],
                conflicts: [Conflict(prefix: subnet, winner: "attic", loser: "shed")], file: "/etc/warrens/nodes.json",
                loadedAt: Timestamp(seconds: 99), lastError: nil),
            counters: ["drop.sourceCheck": .max, "receive.packets": 3],
            peers: [
                .init(
                    name: "shed", nodeID: nil, subnets: [subnet], endpoint: nil, endpoints: ["shed.example:31337"],
                    sent: .init(packets: 1, bytes: 2), note: "name is not resolved")
            ],
            warnings: ["IPv6 is missing"])
    }

    @Test func aReportComesBackAsItWasSent() throws {
        let report = try Self.sample()
        let sent = report.json.serialized()
        #expect(try StatusReport(json: try JSONValue(parsing: Array(sent.utf8))) == report)
    }

    @Test func aMissingMemberIsNamed() throws {
        var object = try #require(try Self.sample().json.objectValue)
        object["mtu"] = nil
        let error = #expect(throws: OverlayError.self) { try StatusReport(json: .object(object)) }
        #expect(error?.key == "status.mtu")
    }
}
