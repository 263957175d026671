internal import Glibc

extension Files {
    /// How much is held in memory at a time, in bytes: executables are large, and the nodes that get them small.
    private static let portion = 256 * 1024

    /// Puts a copy of `source` in the place of `path`, by way of a temporary file beside it and rename(2): who runs the
    /// former file goes on with it. Nothing is written where both have the same content and mode already.
    ///
    /// The temporary file always has the same name, so that one that a killed process left is used up by the next; calls
    /// for the same path must not run side by side.
    ///
    /// - Returns: False where nothing had to be done.
    @discardableResult
    public static func install(_ source: String, as path: String, mode: UInt32) throws(SystemError) -> Bool {
        if try isCopy(path, of: source, mode: mode) { return false }
        let name = path.split(separator: "/").last.map(String.init) ?? path
        let temporary = "\(parent(of: path))/.\(name).installing"
        do throws(SystemError) {
            let original = try OwnedDescriptor.openFile(source)
            let copy = try OwnedDescriptor.open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, mode: mode)
            // The mode of open(2) is less the umask, and not that of a file that was left.
            try retrying("chmod", temporary) { fchmod(copy.raw, mode) }
            while true {
                let bytes = try original.read(upTo: portion, subject: source)
                if bytes.isEmpty { break }
                try copy.writeAll(bytes, subject: temporary)
            }
            try retrying("fsync", temporary) { fsync(copy.raw) }
            try retrying("rename", path) { unsafe rename(temporary, path) }
        } catch {
            unsafe unlink(temporary)
            throw error
        }
        let directory = try OwnedDescriptor.open(parent(of: path), O_RDONLY | O_DIRECTORY)
        try retrying("fsync", path) { fsync(directory.raw) }
        return true
    }

    private static func isCopy(_ path: String, of source: String, mode: UInt32) throws(SystemError) -> Bool {
        var status = stat()
        // What is no file is replaced, or refused by rename(2) in its own words.
        guard unsafe lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_mode & 0o7777 == mode
        else { return false }
        let present = try OwnedDescriptor.openFile(path)
        let original = try OwnedDescriptor.openFile(source)
        while true {
            let bytes = try original.read(upTo: portion, subject: source)
            guard try present.read(upTo: portion, subject: path) == bytes else { return false }
            if bytes.isEmpty { return true }
        }
    }
}

extension OwnedDescriptor {
    /// Reads exactly `count` bytes, or what there is until the end.
    fileprivate borrowing func read(upTo count: Int, subject: String) throws(SystemError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var filled = 0
        while filled < count {
            let more = try retrying("read", subject) {
                // Sound: `filled` is below the count, so the kernel writes into the rest of the buffer.
                unsafe bytes.withUnsafeMutableBytes {
                    unsafe Glibc.read(raw, $0.baseAddress.map { unsafe $0 + filled }, $0.count - filled)
                }
            }
            if more == 0 { break }
            filled += more
        }
        return Array(bytes[..<filled])
    }
}
