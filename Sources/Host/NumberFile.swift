internal import Glibc

/// A file of 32-bit numbers in host byte order, each read and written in place by one system call.
public struct NumberFile: ~Copyable, Sendable {
    private let descriptor: OwnedDescriptor
    private let path: String

    /// Opens a file that exists; the caller asks for nothing more where it is only to be read.
    public init(opening path: String, writable: Bool) throws(SystemError) {
        self.descriptor = try OwnedDescriptor.open(path, writable ? O_RDWR : O_RDONLY)
        self.path = path
    }

    /// Makes an empty file, or empties the one that exists. Numbers that were never written are zero and take no room.
    public init(creating path: String) throws(SystemError) {
        self.descriptor = try OwnedDescriptor.open(path, O_RDWR | O_CREAT | O_TRUNC, mode: 0o644)
        self.path = path
    }

    /// The number at `index`; zero beyond the end.
    public func read(at index: Int) throws(SystemError) -> UInt32 {
        var value: UInt32 = 0
        try retrying("read", path) {
            // Sound: at most the four bytes of the number are written to it.
            unsafe withUnsafeMutableBytes(of: &value) {
                unsafe pread(descriptor.raw, $0.baseAddress, $0.count, off_t(index * 4))
            }
        }
        return value
    }

    public func write(_ value: UInt32, at index: Int) throws(SystemError) {
        let count = try retrying("write", path) {
            // Sound: the four bytes of the number are read from it.
            unsafe withUnsafeBytes(of: value) {
                unsafe pwrite(descriptor.raw, $0.baseAddress, $0.count, off_t(index * 4))
            }
        }
        // A write of four bytes is cut short only where the disk is full.
        if count != 4 { throw SystemError("write", path, code: ENOSPC) }
    }
}
