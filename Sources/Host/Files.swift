internal import Glibc

/// What tells one file from another as long as it exists: stat(2)'s device and inode.
public struct FileIdentity: Hashable, Sendable {
    public let device: UInt64
    public let inode: UInt64

    public init(device: UInt64, inode: UInt64) {
        self.device = device
        self.inode = inode
    }
}

/// Whole-file operations. Readers of a file written here see the old content or the new, never a part.
public enum Files {
    /// Reads a whole regular file of at most `limit` bytes (else EFBIG).
    public static func read(_ path: String, limit: Int = 1 << 20) throws(SystemError) -> [UInt8] {
        try OwnedDescriptor.openFile(path).readAll(limit: limit, subject: path)
    }

    /// Reads a whole file, or nil where there is none.
    public static func readIfPresent(_ path: String, limit: Int = 1 << 20) throws(SystemError) -> [UInt8]? {
        do throws(SystemError) {
            return try read(path, limit: limit)
        } catch {
            if error.code == ENOENT || error.code == ENOTDIR { return nil }
            throw error
        }
    }

    /// Replaces the content of `path` by way of a temporary file beside it and rename(2).
    ///
    /// - Parameter durable: Wait until the content is on the disk, so that it survives a power cut. Not needed
    ///   below /run, which a power cut empties anyway.
    public static func replace(
        _ path: String, with content: some Collection<UInt8>, mode: UInt32 = 0o644, durable: Bool = false
    ) throws(SystemError) {
        try replace(path, mode: mode, durable: durable) { file, name throws(SystemError) in
            try file.writeAll(content, subject: name)
        }
    }

    /// As ``replace(_:with:mode:durable:)``, for content that is never in memory as a whole.
    ///
    /// - Parameter write: Is given the temporary file and its name.
    public static func replace(
        _ path: String, mode: UInt32 = 0o644, durable: Bool = false,
        by write: (borrowing OwnedDescriptor, String) throws(SystemError) -> Void
    ) throws(SystemError) {
        let temporary = "\(path).\(getpid()).\(UInt32.random(in: 0 ... .max)).tmp"
        do throws(SystemError) {
            let file = try OwnedDescriptor.open(temporary, O_WRONLY | O_CREAT | O_EXCL, mode: mode)
            try write(file, temporary)
            if durable { try retrying("fsync", temporary) { fsync(file.raw) } }
            try retrying("rename", path) { unsafe rename(temporary, path) }
        } catch {
            unsafe unlink(temporary)
            throw error
        }
        if durable {
            let directory = try OwnedDescriptor.open(parent(of: path), O_RDONLY | O_DIRECTORY)
            try retrying("fsync", path) { fsync(directory.raw) }
        }
    }

    /// Removes what replacements of `path` have left that were cut short. Only for whoever alone replaces that file, before
    /// it does.
    public static func removeRemains(of path: String) throws(SystemError) {
        let directory = parent(of: path)
        let prefix = (path.split(separator: "/").last ?? "") + "."
        for name in try names(in: directory) where name.hasPrefix(prefix) && name.hasSuffix(".tmp") {
            let marks = name.dropFirst(prefix.count).dropLast(4).split(separator: ".", omittingEmptySubsequences: false)
            if marks.count == 2, marks.allSatisfy({ UInt32($0) != nil }) { try remove("\(directory)/\(name)") }
        }
    }

    /// Gives the file at `path` a second name.
    ///
    /// - Returns: False where `name` exists already.
    public static func link(_ path: String, as name: String) throws(SystemError) -> Bool {
        if unsafe Glibc.link(path, name) == 0 { return true }
        if errno == EEXIST { return false }
        throw .last("link", name)
    }

    /// Removes a file.
    ///
    /// - Returns: False where there was none.
    @discardableResult
    public static func remove(_ path: String) throws(SystemError) -> Bool {
        if unsafe unlink(path) == 0 { return true }
        let error = SystemError.last("remove", path)
        if error.code == ENOENT || error.code == ENOTDIR { return false }
        throw error
    }

    /// Removes a directory and all below it; one that does not exist is no error. Links are not followed.
    public static func removeTree(_ path: String) throws(SystemError) {
        if unsafe unlink(path) == 0 || errno == ENOENT { return }
        guard errno == EISDIR || errno == EPERM else { throw .last("remove", path) }
        for name in try names(in: path) { try removeTree("\(path)/\(name)") }
        if unsafe rmdir(path) != 0, errno != ENOENT { throw .last("remove", path) }
    }

    /// Makes a directory and those above it that are missing.
    public static func makeDirectories(_ path: String, mode: UInt32 = 0o755) throws(SystemError) {
        if unsafe mkdir(path, mode) == 0 || errno == EEXIST { return }
        guard errno == ENOENT, path.contains("/"), parent(of: path) != path else { throw .last("mkdir", path) }
        try makeDirectories(parent(of: path), mode: mode)
        if unsafe mkdir(path, mode) != 0, errno != EEXIST { throw .last("mkdir", path) }
    }

    /// The names in a directory, without `.` and `..`, in no particular order; none where it does not exist.
    public static func names(in path: String) throws(SystemError) -> [String] {
        guard let directory = unsafe opendir(path) else {
            if errno == ENOENT { return [] }
            throw .last("open directory", path)
        }
        defer { unsafe closedir(directory) }
        var names: [String] = []
        while true {
            // The end of the directory and a failure look alike but for errno.
            errno = 0
            // Sound: readdir's entry is valid until the next call on the same stream, and its name is copied here.
            guard let entry = unsafe readdir(directory) else { break }
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) {
                unsafe $0.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        if errno != 0 { throw .last("read directory", path) }
        return names
    }

    /// Device and inode of what `path` leads to (links followed), or nil where it leads nowhere.
    public static func identity(of path: String) -> FileIdentity? {
        var status = stat()
        guard unsafe stat(path, &status) == 0 else { return nil }
        return FileIdentity(device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
    }

    public static func exists(_ path: String) -> Bool {
        unsafe access(path, F_OK) == 0
    }

    /// Whether we may write to a file or make files in a directory. A file system that is mounted read-only forbids it
    /// to root, too.
    public static func isWritable(_ path: String) -> Bool {
        unsafe access(path, W_OK) == 0
    }

    public static func isExecutable(_ path: String) -> Bool {
        var status = stat()
        guard unsafe stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return false }
        return unsafe access(path, X_OK) == 0
    }

    /// The path of the directory that holds `path`.
    public static func parent(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }
}
