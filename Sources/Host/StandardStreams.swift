internal import Glibc

/// The three streams that every process is born with.
public enum StandardStreams {
    /// Reads standard input to its end.
    ///
    /// - Throws: EFBIG where there is more than `limit` bytes.
    public static func readInput(limit: Int) throws(SystemError) -> [UInt8] {
        // A duplicate, so that closing it leaves descriptor 0 as it is.
        let duplicate = try retrying("duplicate", "standard input") { fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3) }
        return try OwnedDescriptor(owning: duplicate).readAll(limit: limit, subject: "standard input")
    }

    public static func writeOutput(_ bytes: some Collection<UInt8>) throws(SystemError) {
        try write(bytes, to: STDOUT_FILENO, "standard output")
    }

    /// Writes to standard error. A log that cannot be written is no reason to fail.
    public static func writeError(_ text: String) {
        try? write(Array(text.utf8), to: STDERR_FILENO, "standard error")
    }

    /// From now on, writing to a pipe that nobody reads is an error (EPIPE) and no longer ends this process.
    /// ``ChildProcess`` gives its children the usual behaviour back.
    public static func ignoreBrokenPipes() {
        _ = signal(SIGPIPE, SIG_IGN)
    }

    static func write(_ bytes: some Collection<UInt8>, to raw: Int32, _ subject: String) throws(SystemError) {
        let bytes = Array(bytes)
        var done = 0
        while done < bytes.count {
            done += try retrying("write", subject) {
                // Sound: `done` is below the count, so the rest is inside of the buffer.
                unsafe bytes.withUnsafeBytes {
                    unsafe Glibc.write(raw, $0.baseAddress.map { unsafe $0 + done }, $0.count - done)
                }
            }
        }
    }
}
