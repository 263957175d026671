import Addressing
import CNI
import Host
import JSON
import Overlay
import Testing

@testable import Operator

@Suite struct TracedPodTests {
    private static func record(
        _ container: String, _ interface: String = "eth0", _ addresses: [String], space: String = "/run/netns/a",
        pod: String? = nil
    ) -> AttachmentRecord {
        let attachment = Attachment(containerID: container, interfaceName: interface)
        return AttachmentRecord(
            attachment, namespacePath: space, namespaceIdentity: FileIdentity(device: 1, inode: 1), network: "warrens",
            bridge: "cni0", hostInterface: attachment.hostInterfaceName, mac: attachment.podMAC,
            addresses: addresses.compactMap { IPAddress($0) }, gateways: [], isMasqueraded: true, phase: .attached,
            podName: pod)
    }

    private static let records = [
        record("abc1", "eth0", ["10.220.106.8", "fd00::8"], space: "/run/netns/shed"),
        record("abc2", "eth0", ["10.220.106.9"], pod: "default/web-0"),
        record("f00", "eth0", ["10.220.106.10"]),
        record("f00", "eth1", ["fd00::10"]),
    ]

    @Test(arguments: [
        ("abc1", "abc1/eth0"), ("abc2", "abc2/eth0"), ("10.220.106.8", "abc1/eth0"), ("fd00::8", "abc1/eth0"),
        ("shed", "abc1/eth0"), ("web-0", "abc2/eth0"), ("default/web-0", "abc2/eth0"), ("/run/netns/shed", "abc1/eth0"),
        ("f00/eth1", "f00/eth1"), ("f0", "f00/eth0"),
    ])
    func aPodIsFound(by text: String, name: String) throws {
        let pod = try TracedPod.find(text, of: .v4, in: Self.records)
        #expect(TracedPod.name(pod) == name)
    }

    @Test(arguments: [
        ("ab", "may be abc1/eth0, abc2/eth0"), ("nothing", "attached are abc1/eth0"), ("", "no pod"),
        ("10.0.0.1", "no pod of this node is \"10.0.0.1\""), ("f00/eth2", "no pod"),
    ])
    func whatNamesNoPodIsTold(text: String, words: String) throws {
        let error = #expect(throws: CommandFailure.self) { try TracedPod.find(text, of: .v4, in: Self.records) }
        #expect(error?.description.contains(words) == true, "\(error?.description ?? "")")
    }

    @Test func aPodWithoutTheFamilyIsTold() throws {
        let pod = try TracedPod.find("abc2", of: .v6, in: Self.records)
        let error = #expect(throws: CommandFailure.self) { try TracedPod.address(of: pod, .v6) }
        #expect(error?.description.contains("no IPv6 address, but 10.220.106.9") == true)
    }

    @Test func whoseAttachingIsNotDoneIsNoPodYet() throws {
        var record = Self.records[1]
        record.phase = .attaching
        #expect(throws: CommandFailure.self) { try TracedPod.find("abc2", of: .v4, in: [record]) }
    }
}

@Suite struct TunnelAccountTests {
    private static let devices = DeviceNames([2: "eth0"])

    private static func address(_ text: String) throws -> IPAddress { try #require(IPAddress(text)) }

    private static func packet(_ length: Int, segment: Int? = nil) throws -> TrialPacket {
        TrialPacket(
            source: try address("10.220.106.8"), destination: try address("10.239.113.8"), length: length,
            segmentLength: segment)
    }

    private static func report(
        _ verdict: TraceReport.Verdict, kernel: TraceReport.Kernel? = nil, mtu: Int = 1500
    ) throws -> TraceReport {
        TraceReport(
            datapath: kernel == nil ? "tun" : "ebpf", framing: "raw", sourcePort: 31337,
            peer: .init(name: "shed", prefix: try #require(IPPrefix("10.239.113.0/24")), isRoute: false),
            path: .init(
                endpoint: SocketAddress(try address("192.0.2.2"), port: 31337), source: try address("192.0.2.1"),
                device: 2, gateway: try address("192.0.2.254"), routeMTU: 1500, mtu: mtu, overhead: 28),
            verdict: verdict, kernel: kernel)
    }

    private static func account(_ report: TraceReport, _ packet: TrialPacket) -> TunnelAccount {
        TunnelAccount(report, packet, .default, devices)
    }

    @Test func whatIsSentIsTold() throws {
        let account = Self.account(try Self.report(.init(.send)), try Self.packet(1400))
        #expect(account.outcome.kind == .sent && account.outcome.isOnItsWay)
        #expect(account.steps.map(\.place) == ["peer", "carrier", "datagram", "size", "uplink"])
        let text = account.steps.map(\.text).joined(separator: "\n")
        for words in [
            "shed, for its subnet 10.239.113.0/24", "user space: warrensd",
            "UDP from 192.0.2.1 port 31337 to 192.0.2.2:31337, framing raw", "1400 + 28 = 1428 bytes of 1500",
            "eth0, via 192.0.2.254",
        ] {
            #expect(text.contains(words), "\(words) in \(text)")
        }
    }

    @Test func whoCarriesItIsTold() throws {
        let carried = try Self.report(.init(.send), kernel: .init(program: 17, obstacle: nil))
        #expect(Self.account(carried, try Self.packet(84)).steps[1].text.contains("program tunnel (number 17)"))
        let declined = try Self.report(.init(.split, mtu: 1472), kernel: .init(program: 17, obstacle: "it is too long"))
        let steps = Self.account(declined, try Self.packet(1480)).steps
        #expect(steps[1].text.contains("user space") && steps[1].text.contains("declines it: it is too long"))
        #expect(steps[3].text.contains("sent in parts of 1472"))
        let short = try Self.report(
            .init(.send), kernel: .init(program: 17, obstacle: nil, shortCut: .init(obstacle: nil)))
        let bypassed = Self.account(short, try Self.packet(84)).steps[1].text
        #expect(short.skipsStack && bypassed.contains("program pod"))
    }

    @Test func whatTheNetworkHasReportedIsTold() throws {
        let steps = Self.account(try Self.report(.init(.send), mtu: 1400), try Self.packet(60_000, segment: 1300)).steps
        #expect(steps[3].text.contains("1328 bytes of 1400 that the network has reported (the route says 1500)"))
        #expect(steps[3].text.contains("each part of the super-packet"))
    }

    @Test func whatIsRefusedIsToldWithItsCounter() throws {
        let big = Self.account(try Self.report(.init(.reject, reason: "tooBig", mtu: 1472)), try Self.packet(1500))
        #expect(big.outcome.kind == .refused && big.outcome.counter == "drop.tooBig" && !big.outcome.isOnItsWay)
        #expect(
            big.outcome.text.contains("packet too big\", MTU 1472") && big.steps.map(\.place) == ["peer", "carrier"])
        var nobody = try Self.report(.init(.reject, reason: "noPeer"))
        (nobody.peer, nobody.path) = (nil, nil)
        let account = Self.account(nobody, try Self.packet(84))
        #expect(account.steps[0].text.contains("no node claims 10.239.113.8"))
        #expect(account.outcome.text.contains("destination unreachable"))
        let loop = Self.account(try Self.report(.init(.drop, reason: "loop")), try Self.packet(84))
        #expect(loop.outcome.kind == .dropped && loop.outcome.counter == "drop.loop")
    }
}

@Suite struct TraceCommandTests {
    private static let record = #"""
        {"containerID": "abc", "interfaceName": "eth0", "networkNamespace": {"path": "/nowhere", "device": 1,
        "inode": 2}, "network": "warrens", "bridge": "none0", "hostInterface": "veth0", "addresses": ["10.220.106.8"],
        "gateways": [], "masquerade": true, "phase": "attached"}
        """#
    private static let files = ["run/warrens/attachments/0011223344556677.json": record]

    @Test(arguments: [
        (["trace", "abc", "shed"], "not an IP address"), (["trace", "abc", "::"], "not the address of another host"),
        (["trace", "abc", "10.0.0.1", "--length", "10"], "28 to 65535 bytes"),
        (["trace", "abc", "10.0.0.1", "--protocol", "icmp", "--port", "1"], "only tcp and udp have ports"),
        (["trace", "abc", "10.0.0.1", "--protocol", "smtp"], "is not a protocol"),
        (["trace", "abc", "10.0.0.1", "--segment", "100"], "cut into"),
        (["trace", "abc", "fd00::1", "--may-fragment"], "no router fragments IPv6"),
    ])
    func malformedArgumentsAreNamed(arguments: [String], words: String) throws {
        let run = try OperatorRun(arguments: arguments, files: Self.files)
        #expect(run.code == 64 && run.errors.contains(words), "\(run.errors)")
    }

    @Test func aPodThatIsNotThereIsToldWithThoseThatAre() throws {
        let run = try OperatorRun("trace", "b", "10.0.0.1", files: Self.files)
        #expect(run.code == 1 && run.errors.contains("attached are abc/eth0"), "\(run.errors)")
        let none = try OperatorRun("trace", "b", "10.0.0.1")
        #expect(none.code == 1 && none.errors.contains("none is attached"), "\(none.errors)")
        let family = try OperatorRun("trace", "abc", "fd00::1", files: Self.files)
        #expect(family.code == 1 && family.errors.contains("no IPv6 address"), "\(family.errors)")
    }

    @Test func whatIsGoneIsTold() throws {
        let run = try OperatorRun("trace", "abc", "10.0.0.1", "--json", files: Self.files)
        #expect(run.code == 1 && run.json?["outcome"]?.objectValue?["kind"] == "dropped", "\(run.errors)\(run.output)")
        #expect(run.output.contains("the bridge none0 is gone") && run.output.contains("cannot be entered"))
    }
}
