internal import Glibc

/// A file descriptor that is closed exactly once: when its owner lets go of it.
public struct OwnedDescriptor: ~Copyable, Sendable {
    /// The number to pass to system calls while this value lives.
    public let raw: Int32

    /// Takes over an open descriptor.
    public init(owning raw: Int32) {
        self.raw = raw
    }

    /// Gives the number away; the caller closes it.
    public consuming func release() -> Int32 {
        let number = raw
        discard self
        return number
    }

    deinit {
        _ = close(raw)
    }

    /// Opens `path` with `flags`; close-on-exec is added.
    public static func open(
        _ path: String, _ flags: Int32, mode: UInt32 = 0o600
    ) throws(SystemError) -> OwnedDescriptor {
        let raw = try retrying("open", path) { unsafe Glibc.open(path, flags | O_CLOEXEC, mode) }
        return OwnedDescriptor(owning: raw)
    }

    /// Opens a regular file to read it. Anything else that `path` may lead to, such as a pipe that nobody writes to, is
    /// an error rather than a wait.
    public static func openFile(_ path: String) throws(SystemError) -> OwnedDescriptor {
        let file = try open(path, O_RDONLY | O_NONBLOCK)
        var status = stat()
        try retrying("stat", path) { unsafe fstat(file.raw, &status) }
        switch status.st_mode & S_IFMT {
        case S_IFREG: return file
        case S_IFDIR: throw SystemError("read", path, code: EISDIR)
        default: throw SystemError("read", path, code: EINVAL, detail: "it is no regular file")
        }
    }

    /// Reads until the end, or until one byte more than `limit` was seen.
    ///
    /// - Throws: The read's error, or EFBIG where there is more than `limit` bytes.
    public borrowing func readAll(limit: Int, subject: String) throws(SystemError) -> [UInt8] {
        var bytes: [UInt8] = []
        // Most files are small, and memory that is used for the first time costs more than a further call.
        var chunk = [UInt8](repeating: 0, count: 4 * 1024)
        while true {
            let count = try retrying("read", subject) {
                // Sound: the kernel writes at most `$0.count` bytes into the buffer that it is given.
                unsafe chunk.withUnsafeMutableBytes { unsafe read(raw, $0.baseAddress, $0.count) }
            }
            if count == 0 { return bytes }
            bytes += chunk[..<count]
            if bytes.count > limit { throw SystemError("read", subject, code: EFBIG) }
            if count == chunk.count, count < 64 * 1024 { chunk = [UInt8](repeating: 0, count: 64 * 1024) }
        }
    }

    /// Writes all of `bytes`, however many calls that takes.
    public borrowing func writeAll(_ bytes: some Collection<UInt8>, subject: String) throws(SystemError) {
        let bytes = Array(bytes)
        var done = 0
        while done < bytes.count {
            done += try retrying("write", subject) {
                // Sound: `done` is below the count, so the rest is inside of the buffer.
                unsafe bytes.withUnsafeBytes {
                    unsafe write(raw, $0.baseAddress.map { unsafe $0 + done }, $0.count - done)
                }
            }
        }
    }
}
