internal import Glibc

/// The client's end of a stream over a Unix-domain socket.
public enum UnixStream {
    /// Connects to the socket at `path`.
    ///
    /// - Parameter timeout: After so many seconds a read or write that makes no progress fails with EAGAIN.
    /// - Throws: ENOENT where there is no socket, ECONNREFUSED where nobody listens on it any more.
    public static func connect(to path: String, timeout: Int) throws(SystemError) -> OwnedDescriptor {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        guard path.utf8.count < MemoryLayout.size(ofValue: address.sun_path) else {
            throw SystemError("connect", path, code: ENAMETOOLONG)
        }
        // Sound: the path is shorter than the field, whose other bytes are zero, so it ends with a NUL.
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: path.utf8) }
        let raw = try retrying("open socket", path) {
            socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        }
        let descriptor = OwnedDescriptor(owning: raw)
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
            var time = timeval(tv_sec: timeout, tv_usec: 0)
            try retrying("set timeout", path) {
                // Sound: the option takes a timeval, whose size is passed along.
                unsafe setsockopt(raw, SOL_SOCKET, option, &time, socklen_t(MemoryLayout<timeval>.size))
            }
        }
        try retrying("connect", path) {
            // Sound: a sockaddr_un starts as every sockaddr does, and its own size is passed along.
            unsafe withUnsafePointer(to: &address) {
                unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    unsafe Glibc.connect(raw, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
                }
            }
        }
        return descriptor
    }
}
