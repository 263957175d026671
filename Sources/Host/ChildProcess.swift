internal import Glibc
internal import SyscallShim

/// Another program run to its end, as a plugin runs the plugin that it delegates to.
public enum ChildProcess {
    /// How a program ended.
    public enum Ending: Hashable, Sendable {
        case exited(code: Int32)
        case killed(signal: Int32)
    }

    public struct Outcome: Sendable {
        public let ending: Ending
        /// All that it wrote to its standard output.
        public let output: [UInt8]
        /// The beginning of what it wrote to its standard error.
        public let errorOutput: [UInt8]
    }

    /// Runs a program and waits for it. From then on this process ignores SIGPIPE.
    ///
    /// - Parameters:
    ///   - executable: Its path; not searched for.
    ///   - arguments: Without the program's name, which is put in front.
    ///   - environment: All variables of the child.
    ///   - input: What it reads from its standard input.
    ///   - outputLimit: The most bytes that it may write to its standard output; what exceeds them is an error.
    ///   - forwardsErrors: Pass its standard error on to ours.
    /// - Throws: The error of the system call that failed; `exec` where the program could not be started.
    public static func run(
        executable: String, arguments: [String] = [], environment: [(name: String, value: String)], input: [UInt8],
        outputLimit: Int = 1 << 22, forwardsErrors: Bool = true
    ) throws(SystemError) -> Outcome {
        let process = try RunningProcess(
            executable: executable, arguments: arguments, environment: environment, outputLimit: outputLimit,
            forwardsErrors: forwardsErrors)
        try process.give(input)
        return try process.finish()
    }

    /// This process's environment with some variables set anew, in place of those that it has.
    public static func environment(setting changes: [(name: String, value: String)]) -> [(name: String, value: String)]
    {
        var variables: [(name: String, value: String)] = []
        // Sound: our processes read the environment before they start threads and never change it after; the array
        // ends with a null pointer.
        var next = unsafe warrens_environment()
        while let pointer = unsafe next, let text = unsafe pointer.pointee {
            let parts = unsafe String(cString: text).split(
                separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if parts.count == 2, !changes.contains(where: { $0.name == parts[0] }) {
                variables.append((String(parts[0]), String(parts[1])))
            }
            unsafe next = unsafe pointer + 1
        }
        return variables + changes
    }

    // MARK: Start and end

    /// An executable that is just being written cannot be run (ETXTBSY). Whoever installs one is soon done.
    private static let busyAttempts = 50
    private static let busyPause: UInt32 = 100_000

    static func spawn(
        _ executable: String, _ arguments: [String], _ environment: [String], descriptors: [Int32]
    ) throws(SystemError) -> pid_t {
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        for (number, descriptor) in descriptors.enumerated() {
            unsafe posix_spawn_file_actions_adddup2(&actions, descriptor, Int32(number))
        }

        // The child gets the usual answer to SIGPIPE, whatever ours is.
        var attributes = posix_spawnattr_t()
        unsafe posix_spawnattr_init(&attributes)
        defer { unsafe posix_spawnattr_destroy(&attributes) }
        var signals = sigset_t()
        unsafe sigemptyset(&signals)
        unsafe sigaddset(&signals, SIGPIPE)
        unsafe posix_spawnattr_setsigdefault(&attributes, &signals)
        unsafe posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGDEF))

        var attempt = 0
        while true {
            var child: pid_t = 0
            // Sound: the copied strings and the arrays of pointers to them live until the call has returned.
            let code = unsafe withCStrings(arguments) { argumentPointers in
                unsafe withCStrings(environment) { environmentPointers in
                    unsafe posix_spawn(&child, executable, &actions, &attributes, argumentPointers, environmentPointers)
                }
            }
            if code == 0 { return child }
            attempt += 1
            guard code == ETXTBSY, attempt < busyAttempts else { throw SystemError("exec", executable, code: code) }
            usleep(busyPause)
        }
    }

    static func withCStrings<Result>(
        _ strings: [String], _ body: ([UnsafeMutablePointer<CChar>?]) -> Result
    ) -> Result {
        let pointers = unsafe strings.map { unsafe strdup($0) }
        defer { unsafe pointers.forEach { unsafe free($0) } }
        return unsafe body(pointers + [nil])
    }

    static func wait(for child: pid_t, _ executable: String) throws(SystemError) -> Ending {
        var status: Int32 = 0
        try retrying("wait for", executable) { unsafe waitpid(child, &status, 0) }
        // wait(2): the low seven bits are the signal, 0 for an exit; the next byte is the exit code.
        let signal = status & 0x7f
        return signal == 0 ? .exited(code: status >> 8 & 0xff) : .killed(signal: signal)
    }
}
