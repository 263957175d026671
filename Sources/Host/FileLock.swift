internal import Glibc

/// An advisory lock on a file (flock(2)), held until this value ends or the process dies, however it dies.
public struct FileLock: ~Copyable, Sendable {
    private let descriptor: OwnedDescriptor

    /// Waits for the lock on `path`, which is made where it is missing.
    public init(waitingFor path: String) throws(SystemError) {
        let descriptor = try OwnedDescriptor.open(path, O_RDWR | O_CREAT, mode: 0o600)
        try retrying("lock", path) { flock(descriptor.raw, LOCK_EX) }
        self.descriptor = descriptor
    }

    /// Takes the lock on `path`, or returns nil where another process holds it.
    public init?(trying path: String) throws(SystemError) {
        let descriptor = try OwnedDescriptor.open(path, O_RDWR | O_CREAT, mode: 0o600)
        if flock(descriptor.raw, LOCK_EX | LOCK_NB) != 0 {
            if errno == EWOULDBLOCK { return nil }
            throw .last("lock", path)
        }
        self.descriptor = descriptor
    }
}
