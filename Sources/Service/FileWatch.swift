internal import Glibc
public import Host

/// Notices every change of one file: written in place, truncated, replaced by rename, deleted, made again, its
/// directory made later or replaced, a symbolic link on the way switched (as a projected ConfigMap does).
///
/// inotify on directories alone: a watch on the file itself would follow the file that was renamed away.
public final class FileWatch {
    private let path: String
    private let directories: DirectoryWatch
    private var last: Signature?
    public var descriptor: Int32 { directories.descriptor }

    /// What differs between two contents of the file.
    private struct Signature: Equatable {
        var device: UInt64
        var inode: UInt64
        var size: Int64
        var seconds: Int
        var nanoseconds: Int
    }

    public init(path: String) throws(SystemError) {
        self.path = path
        directories = try DirectoryWatch(path)
        watch()
        last = signature()
    }

    /// Takes the waiting events off the descriptor; what they say is found out by ``hasChanged()``.
    public func drain() { directories.drain() }

    /// True where the file is not what it was when this was asked before.
    public func hasChanged() -> Bool {
        watch()
        let present = signature()
        defer { last = present }
        return present != last
    }

    /// Watches the directory that holds the file, and that of each symbolic link on the way.
    private func watch() {
        directories.watch(SymbolicLinks.directories(toward: path))
    }

    private func signature() -> Signature? {
        var status = stat()
        guard unsafe stat(path, &status) == 0 else { return nil }
        return Signature(
            device: UInt64(status.st_dev), inode: UInt64(status.st_ino), size: Int64(status.st_size),
            seconds: status.st_mtim.tv_sec, nanoseconds: status.st_mtim.tv_nsec)
    }
}
