import Glibc
import Host
import KernelEye
import Netlink
import Overlay
import Testing

@testable import KernelPath
@testable import Operator

/// What the doctor says of the datapath in the kernel.
@Suite(.enabled(if: getuid() == 0, "needs root to make network namespaces"))
struct DatapathTests {
    private static let names = DeviceNames([1: "lo"])

    private static func report(_ datapath: String, _ kernel: KernelReport? = nil) -> StatusReport {
        StatusReport(
            version: "0.1.0", datapath: datapath, datapathReason: "", kernel: kernel, name: "attic",
            nodeID: NodeID(rawValue: 5), subnets: [], claim: Claim(), mtu: 1420, uptime: 1,
            registry: .init(
                peers: 0, problems: [], conflicts: [], file: "/etc/warrens/nodes.json", loadedAt: nil, lastError: nil))
    }

    private static func findings(
        _ datapath: Settings.Datapath, _ report: StatusReport?, _ abilities: KernelAbilities? = nil,
        root: String = "/nonexistent"
    ) -> [Finding] {
        var settings = Settings.default
        settings.datapath = datapath
        return DatapathCheck(
            paths: NodePaths(root: root), settings: settings, report: report, abilities: abilities
        ).findings()
    }

    // MARK: Choice

    @Test func aDatapathThatIsNotTheSettingsOneIsAProblem() {
        let text = Self.findings(.tun, Self.report("ebpf")).map(\.message).joined()
        #expect(text.contains("carries packets by ebpf, and the settings say tun"))
        #expect(Self.findings(.auto, Self.report("tun")).isEmpty && Self.findings(.tun, Self.report("tun")).isEmpty)
    }

    @Test func userSpaceOnAKernelThatCanIsToldWithItsReason() {
        let able = KernelAbilities(KernelProbe(missing: [:]))
        var report = Self.report("tun")
        report.datapathReason = "eBPF cannot be used here: too many locks"
        let findings = Self.findings(.auto, report, able)
        #expect(findings.map(\.level) == [.good, .notice])
        #expect(findings.last?.message.contains("too many locks") == true)
        #expect(Self.findings(.auto, Self.report("ebpf"), able, root: "/").allSatisfy { $0.level != .notice })
    }

    @Test func aKernelThatCannotIsAProblemOnlyWhereItMust() {
        let poor = KernelAbilities(KernelProbe(missing: [.encapsulation: "Linux has it since 5.2"]))
        let must = Self.findings(.ebpf, nil, poor)
        #expect(must.map(\.level) == [.problem] && must[0].message.contains("encapsulation: Linux has it since 5.2"))
        #expect(Self.findings(.auto, nil, poor).map(\.level) == [.notice] && Self.findings(.tun, nil, poor).isEmpty)
        #expect(poor.description.contains("eBPF is not possible: encapsulation"))
        let old = KernelAbilities(KernelProbe(missing: [.tcx: "Linux has it since 6.6"]))
        let findings = Self.findings(.auto, nil, old)
        #expect(findings.first?.message.contains("as filters at clsact") == true && findings.first?.level == .good)
        #expect(old.description.contains("clsact"))
    }

    @Test func pinsThatOutlivedTheirDaemonAreAProblem() throws {
        let root = "/tmp/warrens-operator-tests-\(UInt64.random(in: 0 ... .max))"
        let paths = NodePaths(root: root)
        let pins = BPFFileSystem(paths.pins)
        try pins.mount()
        // The one thing that can be there without a program or a map.
        let pin = pins.pin("map-1-peers")
        defer {
            unsafe rmdir(pin)
            try? pins.remove()
            try? Files.removeTree(root)
        }
        // That of a container may be there for nothing.
        #expect(Self.findings(.tun, Self.report("tun"), root: root).isEmpty)
        #expect(unsafe mkdir(pin, 0o700) == 0)
        let stale = Self.findings(.tun, Self.report("tun"), root: root)
        #expect(stale.count == 1 && stale[0].level == .problem && stale[0].message.contains("still pinned"))
        #expect(Self.findings(.tun, nil, root: root).count == 1)
        // A daemon that comes back takes them over.
        #expect(Self.findings(.auto, nil, root: root).isEmpty)
        #expect(Self.findings(.auto, Self.report("ebpf"), root: root).isEmpty)
    }

    @Test func aMissingFileSystemIsAProblem() {
        let findings = Self.findings(.ebpf, Self.report("ebpf"))
        #expect(findings.count == 1 && findings[0].message.contains("no bpffs is mounted"))
    }

    // MARK: Programs

    private static func programs(_ kernel: KernelReport) throws -> [Finding] {
        try ProgramCheck(kernel: kernel, devices: names).findings()
    }

    private static func kernel(_ hooks: String, number: UInt32?) -> KernelReport {
        KernelReport(
            hooks: hooks, programs: [.init(name: "uplink", device: 1, direction: "ingress", number: number)],
            maps: [
                .init(name: "peers", entries: 9, capacity: 100),
                .init(name: "flows", entries: 1, capacity: 1, forgets: true),
            ])
    }

    private static func program(_ name: String) throws(SystemError) -> BPFProgram {
        try BPFProgram(name: name, encoded: [Instruction.set(.r0, to: -1), .exit].map(\.encoded))
    }

    @Test(.enabled(if: KernelProbe().has(.tcx), "needs tcx (Linux 6.6)"))
    func theOrderOfProgramsIsLookedAt() throws {
        try TestNamespace.run {
            let point = HookPoint(device: 1, .ingress)
            let (own, foreign) = (try Self.program("uplink"), try Self.program("greedy"))
            let kernel = Self.kernel("tcx", number: own.identity.id)
            let link = try TCXLink(own, at: point)
            #expect(try Self.programs(kernel).map(\.level) == [.good, .good])
            let late = try TCXLink(foreign, at: point)
            #expect(try Self.programs(kernel).map(\.level) == [.good, .good])
            try late.detach()
            let early = try TCXLink(foreign, at: point, .first)
            let findings = try Self.programs(kernel)
            #expect(findings.map(\.level) == [.notice])
            #expect(findings[0].message.contains("the program greedy (number \(foreign.identity.id)) sees packets"))
            try link.detach()
            let gone = try Self.programs(kernel)
            #expect(
                gone.map(\.level) == [.problem] && gone[0].message.contains("uplink is gone from the ingress of lo"))
            try early.detach()
        }
    }

    @Test func theOrderOfFiltersIsLookedAt() throws {
        try TestNamespace.run {
            let own = try Self.program("uplink")
            let kernel = Self.kernel("tc", number: own.identity.id)
            let filter = try TCFilter(own, named: "uplink", at: HookPoint(device: 1, .ingress), makesHooks: true)
            #expect(try Self.programs(kernel).map(\.level) == [.good, .good])
            try Command.run(
                "/usr/sbin/tc", "filter", "add", "dev", "lo", "ingress", "prio", "7", "bpf", "bytecode", "1,6 0 0 0,")
            let findings = try Self.programs(kernel)
            #expect(findings.map(\.level) == [.notice] && findings[0].message.contains("the filter "))
            try filter.detach()
            #expect(try Self.programs(kernel).map(\.level) == [.problem])
        }
    }

    @Test func mapsThatAreNearlyFullAreAProblem() throws {
        var kernel = KernelReport(hooks: "tcx", maps: [.init(name: "peers", entries: 89, capacity: 100)])
        #expect(try Self.programs(kernel).map(\.level) == [.good, .good])
        kernel.maps[0].entries = 90
        let findings = try Self.programs(kernel)
        #expect(findings.map(\.level) == [.problem] && findings[0].message.contains("peers holds 90 of 100"))
        kernel.maps[0].forgets = true
        #expect(try Self.programs(kernel).map(\.level) == [.good, .good])
    }

    // MARK: Offloads

    @Test func offloadsThatAreOffAreNamed() throws {
        try TestNamespace.run {
            try Command.run("/usr/sbin/ip", "link", "add", "wire", "type", "veth", "peer", "name", "far")
            let socket = try RouteSocket()
            let wire = try #require(try socket.link(named: "wire")).index
            let kernel = KernelReport(
                hooks: "tcx", programs: [.init(name: "uplink", device: wire, direction: "ingress", number: 1)])
            let check = OffloadCheck(report: Self.report("ebpf", kernel))
            #expect(try check.findings().isEmpty)
            try DeviceFeatures().set(["tx-tcp-segmentation": false], of: wire)
            let findings = try check.findings()
            #expect(findings.map(\.level) == [.notice])
            #expect(findings.first?.remedy == "ethtool -K wire tx-tcp-segmentation on")
        }
    }

    // MARK: Status

    @Test func theStatusShowsProgramsAndMaps() throws {
        let kernel = Self.kernel("tcx", number: 17)
        let facts = NodeFacts(NodePaths(root: "/nonexistent"), settings: .default)
        let text = Status.text(
            facts, Self.report("ebpf", kernel), nil, KernelAbilities(KernelProbe(missing: [:])), Self.names)
        for words in [
            "eBPF is possible, programs hang by tcx", "program uplink at ingress of lo, number 17",
            "map peers: 9 of 100",
        ] {
            #expect(text.contains(words), "\(words) in \(text)")
        }
        let gone = Status.text(facts, Self.report("ebpf", Self.kernel("tcx", number: nil)), nil)
        #expect(gone.contains("program uplink at ingress of device 1, GONE"))
    }
}
