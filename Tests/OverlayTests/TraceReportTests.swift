import Addressing
import JSON
import Testing

@testable import Overlay

@Suite struct TraceReportTests {
    private static func sample() throws -> TraceReport {
        TraceReport(
            datapath: "ebpf", framing: "gpe", sourcePort: nil,
            peer: .init(name: "shed", prefix: try #require(IPPrefix("10.239.113.0/24")), isRoute: true),
            path: .init(
                endpoint: SocketAddress(try #require(IPAddress("2001:db8::2")), port: 31337),
                source: IPAddress("2001:db8::1"), device: 2, gateway: nil, routeMTU: 1500, mtu: 1400,
                overhead: 56),
            verdict: .init(.reject, reason: "tooBig", mtu: 1344),
            kernel: .init(
                program: 17, obstacle: "too long", shortCut: .init(obstacle: "not seen", seen: ["from the pod"])))
    }

    @Test func aReportComesBackAsItWasSent() throws {
        for report in [
            try Self.sample(), TraceReport(datapath: "tun", framing: "raw", sourcePort: 9, verdict: .init(.send)),
        ] {
            let sent = report.json.serialized()
            #expect(try TraceReport(json: try JSONValue(parsing: Array(sent.utf8))) == report)
        }
    }

    @Test func aMissingMemberIsNamed() throws {
        var object = try #require(try Self.sample().json.objectValue)
        object["verdict"] = nil
        let error = #expect(throws: OverlayError.self) { try TraceReport(json: .object(object)) }
        #expect(error?.key == "trace.verdict")
    }

    @Test func aPacketComesBackAsItWasSent() throws {
        var packet = TrialPacket(
            source: try #require(IPAddress("fd00::1")), destination: try #require(IPAddress("fd00::2")))
        #expect(try TrialPacket(query: packet.query) == packet)
        (packet.sourcePort, packet.destinationPort, packet.segmentLength) = (1, 65535, 1280)
        (packet.protocolNumber, packet.length, packet.mayBeFragmented) = (6, 65535, true)
        #expect(packet.longest == 1280 && packet.hasPorts)
        #expect(try TrialPacket(query: packet.query) == packet)
    }

    @Test(arguments: [
        ("", "source"), ("source=x", "source"), ("source=10.0.0.1", "destination"),
        ("source=10.0.0.1&destination=::1", "destination"), ("source=10.0.0.1&destination=10.0.0.2&length=7", "length"),
        ("source=10.0.0.1&destination=10.0.0.2&sourcePort=70000", "sourcePort"),
        ("source=10.0.0.1&destination=10.0.0.2&extra", "extra"), ("=&&==", "source"),
    ])
    func aBadQueryNamesItsField(query: String, field: String) throws {
        let error = #expect(throws: OverlayError.self) { try TrialPacket(query: query) }
        #expect(error?.key == field)
    }
}
