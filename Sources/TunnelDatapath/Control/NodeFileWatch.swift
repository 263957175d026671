internal import Glibc
internal import Host
internal import SyscallShim

/// Notices every change of one file: written in place, truncated, replaced by rename, deleted, made again, its
/// directory made later or replaced, a symbolic link on the way switched (as a projected ConfigMap does).
///
/// inotify on directories alone: a watch on the file itself would follow the file that was renamed away.
final class NodeFileWatch {
    private let path: String
    private let inotify: OwnedDescriptor
    private var last: Signature?
    private var watches: Set<Int32> = []
    var descriptor: Int32 { inotify.raw }

    /// What differs between two contents of the file.
    private struct Signature: Equatable {
        var device: UInt64
        var inode: UInt64
        var size: Int64
        var seconds: Int
        var nanoseconds: Int
    }

    init(path: String) throws(SystemError) {
        self.path = path
        inotify = OwnedDescriptor(owning: try retrying("inotify", path) { warrens_open_inotify() })
        watch()
        last = signature()
    }

    /// Takes the waiting events off the descriptor; what they say is found out by ``hasChanged()``.
    func drain() {
        var buffer = [UInt8](repeating: 0, count: 4096)
        // Sound: the kernel writes at most `$0.count` bytes.
        while unsafe buffer.withUnsafeMutableBytes({ unsafe read(inotify.raw, $0.baseAddress, $0.count) }) > 0 {}
    }

    /// True where the file is not what it was when this was asked before.
    func hasChanged() -> Bool {
        watch()
        let present = signature()
        defer { last = present }
        return present != last
    }

    /// Watches the directory that holds the file, and that of each symbolic link on the way. While there is no such
    /// directory, the nearest one above it, where the next one will appear. No more than that: others may be busy with
    /// things of no concern to us.
    private func watch() {
        let present = Set(SymbolicLinks.directories(toward: path).map(watchNearest))
        for stale in watches.subtracting(present) { _ = warrens_unwatch_directory(inotify.raw, stale) }
        watches = present
    }

    /// - Returns: The number of the watch on `directory` or on the nearest one above it, or a negative one.
    private func watchNearest(_ directory: String) -> Int32 {
        let watch = unsafe warrens_watch_directory(inotify.raw, directory)
        guard watch < 0, directory != "/", directory != "." else { return watch }
        let above = watchNearest(Files.parent(of: directory))
        // Made in between, unnoticed by the watch above it.
        return Files.exists(directory) ? unsafe warrens_watch_directory(inotify.raw, directory) : above
    }

    private func signature() -> Signature? {
        var status = stat()
        guard unsafe stat(path, &status) == 0 else { return nil }
        return Signature(
            device: UInt64(status.st_dev), inode: UInt64(status.st_ino), size: Int64(status.st_size),
            seconds: status.st_mtim.tv_sec, nanoseconds: status.st_mtim.tv_nsec)
    }
}
