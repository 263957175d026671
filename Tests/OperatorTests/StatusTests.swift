import Addressing
import Host
import JSON
import Overlay
import Testing

@testable import Operator
@testable import Service

@Suite struct StatusTests {
    private static func report() throws -> StatusReport {
        let subnet = try #require(IPPrefix("10.220.106.0/24"))
        return StatusReport(
            version: "0.1.0", datapath: "tun", datapathReason: "the settings say so", name: "attic",
            nodeID: NodeID(rawValue: 5), subnets: [subnet], claim: Claim(), mtu: 1420, uptime: 3_700,
            registry: .init(
                peers: 1, problems: [NodeProblem(node: "shed", field: "warrens.io/relay", message: "bad")],
                conflicts: [Conflict(prefix: subnet, winner: "attic", loser: "shed")], file: "/etc/warrens/nodes.json",
                loadedAt: nil, lastError: "torn"),
            counters: ["drop.loop": 0, "drop.notUnicast": 3, "drop.spoofedSource": 7, "sentPackets": 4],
            peers: [
                .init(
                    name: "shed", nodeID: nil, subnets: [subnet], endpoint: nil, endpoints: [],
                    sent: .init(packets: 1, bytes: 1234), note: "no route")
            ])
    }

    @Test func theStatusNamesEverythingThatIsWrong() throws {
        try withNode { paths in
            let text = Status.text(NodeFacts(paths, settings: .default), try Self.report(), nil)
            for part in [
                "up for 1 h 1 min", "torn", "node shed: warrens.io/relay: bad", "7 packets: spoofedSource", "shed",
                "10.220.106.0/24 is claimed",
            ] {
                #expect(text.contains(part), "\(part) in \(text)")
            }
            #expect(!text.contains("packets: loop") && !text.contains("notUnicast"))
        }
    }

    @Test func aDaemonThatWorksWithOtherSubnetsIsTold() throws {
        try withNode { paths in
            let facts = NodeFacts(paths, settings: .default)
            var report = try Self.report()
            #expect(Status.text(facts, report, nil).contains("still works with the subnets 10.220.106.0/24"))
            report.subnets = facts.node?.subnets.map(\.prefix) ?? []
            #expect(!Status.text(facts, report, nil).contains("still works"))
        }
    }

    @Test func aNodeWhoseDaemonIsDownIsShownAllTheSame() throws {
        let run = try OperatorRun(
            "status",
            files: [
                "etc/machine-id": "0123456789abcdef0123456789abcdef",
                "run/warrens/warrensd.error": "port 31337 is taken\n",
                "run/warrens/attachments/0011223344556677.json": "{}",
            ])
        #expect(run.code == 1)
        for part in [
            "id 302913e9dc81ee6d", "10.220.106.0/24", "does not run", "port 31337 is taken",
            "1 interface attached, 0 addresses leased",
        ] {
            #expect(run.output.contains(part), "\(part) in \(run.output)")
        }
        let json = try OperatorRun("status", "--json")
        #expect(json.code == 1 && json.json?["daemon"] == .null)
        #expect(json.json?["node"]?.objectValue?["error"]?.stringValue?.contains("machine id") == true)
    }

    @Test func commandsThatNeedTheDaemonSaySo() throws {
        for command in ["peers", "ping"] {
            let run = try command == "ping" ? OperatorRun("ping", "shed") : OperatorRun("peers")
            #expect(run.code == 1 && run.errors.contains("warrensd does not run"))
        }
    }

    @Test func peersAreATable() throws {
        let lines = Peers.text(try Self.report().peers).split(separator: "\n")
        #expect(lines.first == "NODE  SUBNETS          ENDPOINT  SENT    RECEIVED  LAST RECEIVED  NOTE")
        #expect(lines.last == "shed  10.220.106.0/24  -         1.2 kB  0 B       -              no route")
    }

    @Test func answersAreTakenApart() throws {
        #expect(try DaemonClient.body(of: Array("HTTP/1.0 200 OK\r\nA: b\r\n\r\n{}".utf8)) == Array("{}".utf8))
        for answer in ["", "HTTP/1.0 200 OK\r\n", "HTTP/1.0 503 Service Unavailable\r\n\r\nstarting\n", "200\r\n\r\n"] {
            #expect(throws: DaemonError.self) { try DaemonClient.body(of: Array(answer.utf8)) }
        }
    }

    @Test func quantitiesAreReadable() {
        #expect(Quantity.bytes(999) == "999 B" && Quantity.bytes(1000) == "1.0 kB")
        #expect(Quantity.bytes(999_999) == "999.9 kB" && Quantity.bytes(.max) == "18.4 EB")
        #expect(Quantity.duration(59) == "59 s" && Quantity.duration(90_000) == "1 d 1 h")
        #expect(Quantity.milliseconds(.microseconds(412)) == "0.412 ms")
        #expect(Quantity.milliseconds(.microseconds(12_005)) == "12.005 ms")
    }
}

@Suite struct EchoTests {
    @Test(arguments: ["127.0.0.1", "::1"]) func loopbackAnswers(text: String) throws {
        let socket = try EchoSocket(to: try #require(IPAddress(text)))
        for sequence in UInt16(1)...3 {
            #expect(try socket.roundTrip(sequence: sequence, timeout: .seconds(2)) != nil)
        }
    }

    @Test func requestsCarryTheInternetChecksum() {
        #expect(
            EchoSocket.request(.v4, sequence: 1, payload: [0x12, 0x34]) == [8, 0, 0xe5, 0xca, 0, 0, 0, 1, 0x12, 0x34])
        #expect(EchoSocket.request(.v6, sequence: 258, payload: []) == [128, 0, 0, 0, 0, 0, 1, 2])
    }
}

/// A node's files below a directory of its own, with a machine id, for as long as `body` runs.
private func withNode(_ body: (NodePaths) throws -> Void) throws {
    let paths = NodePaths(root: "/tmp/warrens-operator-tests-\(UInt64.random(in: 0 ... .max))")
    defer { try? Files.removeTree(paths.root) }
    try Files.makeDirectories(Files.parent(of: paths.machineIDs[0]))
    try Files.replace(paths.machineIDs[0], with: Array("0123456789abcdef0123456789abcdef\n".utf8))
    try body(paths)
}
