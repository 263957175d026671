internal import Glibc
internal import Host

/// What the kernel says about this process, and a way to ask another one of the same program.
enum ProcessMemory {
    /// In megabytes.
    static var resident: Double { get throws { try field("VmRSS") } }
    /// The most that it ever was, in megabytes.
    static var peak: Double { get throws { try field("VmHWM") } }

    private static func field(_ key: String) throws -> Double {
        let status = String(decoding: try Files.read("/proc/self/status"), as: UTF8.self)
        let line = status.split(separator: "\n").first { $0.hasPrefix(key + ":") }
        let kilobytes = line?.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Double($0) }
        return (kilobytes ?? 0) / 1024
    }

    /// Runs this program again: what one task leaves in memory must not count as another's.
    ///
    /// - Returns: Numbers by their names, as it printed them.
    static func inAnotherProcess(_ arguments: [String]) throws -> [String: Double] {
        let outcome = try ChildProcess.run(
            executable: Files.runningExecutable ?? "", arguments: arguments, environment: [], input: [])
        var numbers: [String: Double] = [:]
        for line in String(decoding: outcome.output, as: UTF8.self).split(separator: "\n") {
            let words = line.split(separator: " ")
            if words.count == 2 { numbers[String(words[0])] = Double(words[1]) }
        }
        return numbers
    }
}
