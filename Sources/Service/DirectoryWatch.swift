internal import Glibc
public import Host
internal import SyscallShim

/// Notices every change in directories that may be made later, removed or replaced (inotify(7)). What changed is to be
/// found out by looking.
public final class DirectoryWatch {
    private let inotify: OwnedDescriptor
    private var watches: Set<Int32> = []
    /// Readable when something has changed.
    public var descriptor: Int32 { inotify.raw }

    /// - Parameter subject: What is watched, for errors.
    public init(_ subject: String) throws(SystemError) {
        inotify = OwnedDescriptor(owning: try retrying("inotify", subject) { warrens_open_inotify() })
    }

    /// Takes the waiting events off the descriptor.
    public func drain() {
        var buffer = [UInt8](repeating: 0, count: 4096)
        // Sound: the kernel writes at most `$0.count` bytes.
        while unsafe buffer.withUnsafeMutableBytes({ unsafe read(inotify.raw, $0.baseAddress, $0.count) }) > 0 {}
    }

    /// Watches these directories, and no longer those of the last call. Instead of one that does not exist, the nearest
    /// one above it, where the next one will appear. No more than that: others may be busy with things of no concern to
    /// us. To be called again after each event, before looking.
    public func watch(_ directories: [String]) {
        let present = Set(directories.map(watchNearest))
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
}
