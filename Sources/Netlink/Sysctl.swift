internal import Glibc
public import Host

/// Kernel settings below /proc/sys. Those below `net` belong to the network namespace of the calling thread.
public enum Sysctl {
    private static let directory = "/proc/sys/"
    /// A container's own /proc/sys cannot be written. Its manifest mounts the host's here, which shows the settings of
    /// whoever looks.
    private static let writableDirectory = "/host/proc/sys/"

    /// Reads a setting, without the line's end.
    ///
    /// - Parameter components: Its path: `"net", "ipv4", "conf", "eth0.100", "forwarding"`, for names that hold dots;
    ///   or one text such as `"net.ipv4.ip_forward"`, which is split at the dots.
    /// - Throws: ENOENT where the kernel has no such setting.
    public static func read(_ components: String...) throws(SystemError) -> String {
        try read(path: path(components))
    }

    /// Writes a setting.
    public static func write(_ components: String..., value: String) throws(SystemError) {
        try write(path: path(components), value)
    }

    /// Writes a setting unless it has the value already: some have effects beyond their value when they are written.
    ///
    /// - Returns: True where it had another value.
    @discardableResult
    public static func ensure(_ components: String..., value: String) throws(SystemError) -> Bool {
        let path = try path(components)
        do throws(SystemError) {
            return try replace(path, by: value)
        } catch {
            // Where /proc/sys cannot be written, what is right already may stay.
            guard error.code == EROFS || error.code == EACCES, try read(path: path) == value else { throw error }
            return false
        }
    }

    /// Reads and writes by one descriptor: to find a setting takes the kernel longer than either.
    private static func replace(_ path: String, by value: String) throws(SystemError) -> Bool {
        let file = try open(path, O_RDWR)
        var present = [UInt8](repeating: 0, count: 256)
        // At a place of its own, because a setting is to be written at the descriptor's beginning.
        let count = try retrying("read", path) {
            // Sound: the kernel writes at most `$0.count` bytes into the buffer that it is given.
            unsafe present.withUnsafeMutableBytes { unsafe pread(file.raw, $0.baseAddress, $0.count, 0) }
        }
        if text(present[..<count]) == value { return false }
        try file.writeAll(value.utf8, subject: path)
        return true
    }

    private static func read(path: String) throws(SystemError) -> String {
        text(try Files.read(path, limit: 64 * 1024)[...])
    }

    private static func text(_ bytes: ArraySlice<UInt8>) -> String {
        String(decoding: bytes.last == UInt8(ascii: "\n") ? bytes.dropLast() : bytes, as: UTF8.self)
    }

    private static func write(path: String, _ value: String) throws(SystemError) {
        try open(path, O_WRONLY).writeAll(value.utf8, subject: path)
    }

    private static func open(_ path: String, _ flags: Int32) throws(SystemError) -> OwnedDescriptor {
        do throws(SystemError) {
            return try OwnedDescriptor.open(path, flags)
        } catch {
            let other = writableDirectory + path.dropFirst(directory.count)
            guard error.code == EROFS || error.code == EACCES, Files.exists(other) else { throw error }
            return try OwnedDescriptor.open(other, flags)
        }
    }

    private static func path(_ components: [String]) throws(SystemError) -> String {
        let parts = components.count == 1 ? components[0].split(separator: ".").map(String.init) : components
        let path = directory + parts.joined(separator: "/")
        // An interface may be called almost anything, but neither of these.
        guard !parts.isEmpty, parts.allSatisfy({ !$0.isEmpty && $0 != "." && $0 != ".." && !$0.contains("/") }) else {
            throw SystemError("open", path, code: EINVAL)
        }
        return path
    }
}
