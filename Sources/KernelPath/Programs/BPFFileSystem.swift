internal import BPFShim
internal import Glibc
public import Host

/// A bpffs of our own, in which pins keep programs, maps and links from one `warrensd` to the next.
///
/// A container or `ip netns exec` may hide /sys/fs/bpf, or another program clear it; so it is mounted below the
/// directory for what a reboot empties, in the calling thread's mount namespace.
public struct BPFFileSystem: Sendable {
    /// The directory that it is mounted on.
    public let path: String

    /// - Parameter path: Usually ``NodePaths/pins``.
    public init(_ path: String) {
        self.path = path
    }

    /// Whether a bpffs is mounted there.
    public var isMounted: Bool {
        // Sound here and below: the kernel copies the path before the call returns.
        unsafe warrens_bpf_is_mount(path) == 1 && warrens_bpf_is_file_system(path) == 1
    }

    /// Makes the directory and mounts the file system, unless that was done before.
    ///
    /// - Throws: EBUSY where another file system is mounted there.
    public func mount() throws(SystemError) {
        try Files.makeDirectories(path, mode: 0o700)
        if isMounted { return }
        if unsafe warrens_bpf_is_mount(path) == 1 {
            throw SystemError("mount bpffs", path, code: EBUSY, detail: "another file system is mounted there")
        }
        try retrying("mount bpffs", path) { unsafe warrens_bpf_mount(path) }
    }

    /// Removes all pins, so that what nothing else holds is gone from the kernel, then the mount and the directory.
    /// Does nothing where they are gone. Who may not unmount, as a container, leaves the mount, and nothing in it.
    public func remove() throws(SystemError) {
        if isMounted {
            try removePins()
            do throws(SystemError) {
                try retrying("unmount bpffs", path) { unsafe warrens_bpf_unmount(path) }
            } catch {
                if error.code == EPERM { return }
                throw error
            }
        }
        if unsafe rmdir(path) < 0, errno != ENOENT { throw .last("remove", path) }
    }

    /// The path of a pin. Names with a dot are the kernel's.
    public func pin(_ name: String) -> String { "\(path)/\(name)" }

    /// The names of all pins, sorted.
    public func pins() throws(SystemError) -> [String] {
        // The kernel may have put files of its own there, which nobody can remove: maps.debug, progs.debug.
        try Files.names(in: path).filter { !$0.contains(".") }.sorted()
    }

    /// Removes the pin `name`.
    ///
    /// - Returns: False where there was none.
    @discardableResult
    public func removePin(_ name: String) throws(SystemError) -> Bool {
        try Files.remove(pin(name))
    }

    private func removePins() throws(SystemError) {
        for name in try pins() { try removePin(name) }
    }
}
