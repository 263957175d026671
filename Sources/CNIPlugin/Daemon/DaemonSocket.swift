internal import Glibc
internal import Host

/// The Unix socket of `warrensd`.
enum DaemonSocket {
    /// True where a process listens at `path`. Costs one connect(2) and never waits.
    static func answers(at path: String) -> Bool {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        let capacity = MemoryLayout.size(ofValue: address.sun_path)
        guard bytes.count < capacity else { return false }
        // Sound: the path is shorter than the field, whose other bytes are zero, so it ends with a NUL.
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: bytes) }
        let raw = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | O_CLOEXEC | O_NONBLOCK, 0)
        guard raw >= 0 else { return false }
        let descriptor = OwnedDescriptor(owning: raw)
        let result = unsafe withUnsafePointer(to: &address) {
            // Sound: every socket address type begins with the fields of `sockaddr`.
            unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe connect(descriptor.raw, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        // A full backlog has a listener, too.
        return result == 0 || errno == EAGAIN
    }
}
