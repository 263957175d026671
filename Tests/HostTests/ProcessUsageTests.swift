import Testing

@testable import Host

@Suite struct ProcessUsageTests {
    private static let limits = """
        Limit                     Soft Limit           Hard Limit           Units
        Max processes             7823                 7823                 processes
        Max open files            1024                 524288               files
        """
    /// A program may call itself anything.
    private static let stat =
        "17 (a) b (c) S 1 17 17 0 -1 4194560 120 0 0 0 250 150 0 0 20 0 7 0 1000 8192000 300 18446744073709551615 1"

    private static func usage(stat: String = stat, limits: String = limits, system: String = "cpu 1 2\nbtime 5000\n")
        -> ProcessUsage?
    {
        ProcessUsage(
            stat: stat, limits: limits, system: system, ticksPerSecond: 100, pageSize: 4096, openDescriptors: 9)
    }

    @Test func theKernelsTextsAreRead() throws {
        let usage = try #require(Self.usage())
        #expect(usage.cpuSeconds == 4 && usage.startTime == 5010)
        #expect(usage.virtualMemory == 8_192_000 && usage.residentMemory == 300 * 4096)
        #expect(usage.openDescriptors == 9 && usage.descriptorLimit == 1024)
    }

    @Test func noLimitIsNone() {
        let unlimited = Self.limits.replacing("1024  ", with: "unlimited")
        #expect(Self.usage(limits: unlimited) != nil && Self.usage(limits: unlimited)?.descriptorLimit == nil)
    }

    @Test func whatIsCutShortIsNotGuessed() {
        #expect(Self.usage(stat: String(Self.stat.prefix(60))) == nil)
        #expect(Self.usage(stat: "") == nil)
        #expect(Self.usage(system: "cpu 1 2\n") == nil)
    }

    @Test func thisProcessIsSeen() throws {
        let usage = try #require(ProcessUsage.current)
        #expect(usage.residentMemory > 1 << 20 && usage.virtualMemory >= usage.residentMemory)
        #expect(usage.openDescriptors >= 3)
        #expect(usage.startTime > 1_500_000_000)
        let file = try OwnedDescriptor.openFile("/proc/self/stat")
        let more = try #require(ProcessUsage.current)
        _ = consume file
        #expect(more.cpuSeconds >= usage.cpuSeconds)
    }
}
