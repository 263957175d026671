import Addressing
import Overlay
import Testing

@testable import PacketPath

/// What the tables say of a packet, without one.
struct TraceTests {
    private static let directory = ForwardingDirectory(TestPlan.plan)

    private static func trace(
        _ destination: String, length: Int = 1400, framing: Settings.Framing = .raw,
        _ change: (inout TrialPacket) -> Void = { _ in }
    ) -> TraceReport {
        let target = address(destination)
        var packet = TrialPacket(
            source: address(target.family == .v4 ? "10.220.106.8" : "fd53::1:8"), destination: target, length: length)
        change(&packet)
        return directory.trace(packet, framing, now: 0)
    }

    @Test func whatIsSentIsToldWithItsWay() {
        let report = Self.trace("10.239.113.8")
        #expect(report.verdict == .init(.send))
        #expect(report.peer == .init(name: "b", prefix: prefix("10.239.113.0/24"), isRoute: false))
        #expect(report.path?.endpoint.description == "192.0.2.2:31337")
        #expect(report.path?.mtu == 1500 && report.path?.overhead == 28)
        #expect(Self.trace("fd53::2:8", framing: .gpe).path?.overhead == 36)
        #expect(Self.trace("10.99.1.1").peer == .init(name: "b", prefix: prefix("10.99.0.0/16"), isRoute: true))
        #expect(Self.trace("10.240.0.1", length: 1200).path?.overhead == 48)
    }

    @Test func whatIsTooLongIsToldWithWhatIsNot() {
        #expect(Self.trace("10.239.113.8", length: 1472).verdict == .init(.send))
        #expect(Self.trace("10.239.113.8", length: 1473).verdict == .init(.reject, reason: "tooBig", mtu: 1472))
        #expect(Self.trace("fd53::2:8", length: 1473).verdict == .init(.reject, reason: "tooBig", mtu: 1472))
        #expect(
            Self.trace("10.239.113.8", length: 1473) { $0.mayBeFragmented = true }.verdict == .init(.split, mtu: 1472))
        #expect(Self.trace("10.239.113.8", length: 60_000) { $0.segmentLength = 1472 }.verdict == .init(.send))
        // Below the smallest MTU that is promised, datagrams are fragmented.
        #expect(Self.trace("10.240.0.1", length: 1280).verdict == .init(.fragment))
        #expect(Self.trace("10.240.0.1", length: 1281).verdict == .init(.reject, reason: "tooBig", mtu: 1280))
    }

    @Test func whatIsNotSentIsToldWithItsCounter() {
        let nobody = Self.trace("10.250.0.1")
        #expect(nobody.verdict == .init(.reject, reason: "noPeer") && nobody.peer == nil && nobody.path == nil)
        let unreachable = Self.trace("10.241.0.1")
        #expect(unreachable.verdict == .init(.reject, reason: "noEndpoint") && unreachable.peer?.name == "nat")
        #expect(Self.trace("10.220.106.9").verdict == .init(.drop, reason: "ownDestination"))
        #expect(Self.trace("224.0.0.1").verdict == .init(.drop, reason: "notUnicast"))
        #expect(Self.trace("10.239.113.77") { $0.destinationPort = 4500 }.verdict == .init(.drop, reason: "loop"))
        #expect(Self.trace("10.239.113.8", length: 10).verdict == .init(.drop, reason: "malformed"))
    }
}
