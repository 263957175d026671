internal import Glibc

/// What a process has used and holds at one moment, as proc(5) tells.
public struct ProcessUsage: Hashable, Sendable {
    /// Of all threads, in user and kernel mode.
    public let cpuSeconds: Double
    /// When it started, in seconds since 1970 by the system's present clock.
    public let startTime: Double
    /// In bytes.
    public let virtualMemory: Int
    public let residentMemory: Int
    public let openDescriptors: Int
    /// How many descriptors it may open; nil for any number.
    public let descriptorLimit: Int?

    /// Of this process; nil where /proc does not tell.
    public static var current: ProcessUsage? {
        let text = { (path: String) in (try? Files.read(path)).map { String(decoding: $0, as: UTF8.self) } }
        guard let stat = text("/proc/self/stat"), let limits = text("/proc/self/limits"),
            let system = text("/proc/stat"), let descriptors = try? Files.names(in: "/proc/self/fd")
        else { return nil }
        return ProcessUsage(
            stat: stat, limits: limits, system: system, ticksPerSecond: sysconf(Int32(_SC_CLK_TCK)),
            pageSize: sysconf(Int32(_SC_PAGESIZE)),
            // Without the one by which the directory was read.
            openDescriptors: descriptors.count - 1)
    }

    /// - Parameters:
    ///   - stat: The content of /proc/PID/stat.
    ///   - limits: That of /proc/PID/limits.
    ///   - system: That of /proc/stat.
    init?(
        stat: String, limits: String, system: String, ticksPerSecond: Int, pageSize: Int, openDescriptors: Int
    ) {
        // The name of the program stands in parentheses and may contain anything; the numbers begin with the third field.
        guard let end = stat.lastIndex(of: ")") else { return nil }
        let fields = stat[stat.index(after: end)...].split { $0 == " " || $0 == "\n" }
        let number = { (field: Int) in fields.indices.contains(field - 3) ? Int(fields[field - 3]) : nil }
        guard let user = number(14), let kernel = number(15), let start = number(22), let virtual = number(23),
            let pages = number(24), let boot = Self.words(system, after: "btime").first.flatMap({ Int($0) })
        else { return nil }
        cpuSeconds = Double(user + kernel) / Double(ticksPerSecond)
        startTime = Double(boot) + Double(start) / Double(ticksPerSecond)
        virtualMemory = virtual
        residentMemory = pages * pageSize
        self.openDescriptors = openDescriptors
        descriptorLimit = Self.words(limits, after: "Max open files").first.flatMap { Int($0) }
    }

    /// What stands on the line that begins with `label`.
    private static func words(_ text: String, after label: String) -> [Substring] {
        let line = text.split(separator: "\n").first { $0.hasPrefix("\(label) ") }
        return line?.dropFirst(label.count).split(separator: " ") ?? []
    }
}
