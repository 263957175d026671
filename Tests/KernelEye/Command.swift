import Glibc
public import Host

/// Runs the system's own tools, whose word counts against ours.
public enum Command {
    /// Runs `executable` in the calling thread's network namespace and waits for it.
    ///
    /// - Returns: What it wrote to its standard output.
    /// - Throws: EPROTO with what it wrote to its standard error, where it did not end with 0.
    @discardableResult
    public static func run(_ executable: String, _ arguments: String...) throws(SystemError) -> String {
        try run(executable, arguments)
    }

    /// The same, with the arguments as an array.
    @discardableResult
    public static func run(_ executable: String, _ arguments: [String]) throws(SystemError) -> String {
        let subject = ([executable] + arguments).joined(separator: " ")
        let outcome = try ChildProcess.run(
            executable: executable, arguments: arguments, environment: [], input: [], forwardsErrors: false)
        guard outcome.ending == .exited(code: 0) else {
            let detail = String(decoding: outcome.errorOutput, as: UTF8.self)
            throw SystemError("run", subject, code: EPROTO, detail: "\(outcome.ending), \(detail)")
        }
        return String(decoding: outcome.output, as: UTF8.self)
    }
}
