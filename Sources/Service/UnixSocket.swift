internal import Glibc
public import Host

/// Unix-domain sockets by path.
public enum UnixSocket {
    /// Opens a listening stream socket at `path`, in the place of whatever a killed predecessor left there. Only root
    /// may connect.
    public static func listen(at path: String) throws(SystemError) -> OwnedDescriptor {
        let raw = try retrying("open socket", path) {
            socket(
                AF_UNIX,
                Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
        }
        let file = OwnedDescriptor(owning: raw)
        try Files.remove(path)
        guard var address = address(path) else { throw SystemError("bind socket", path, code: ENAMETOOLONG) }
        try retrying("bind socket", path) {
            unsafe withSocketAddress(&address) { unsafe bind(file.raw, $0, $1) }
        }
        try retrying("chmod", path) { unsafe chmod(path, 0o600) }
        try retrying("listen", path) { Glibc.listen(file.raw, 16) }
        return file
    }

    /// Connects `descriptor` to the socket at `path`.
    public static func connect(_ descriptor: Int32, to path: String) -> Bool {
        guard var address = address(path) else { return false }
        return unsafe withSocketAddress(&address) { unsafe Glibc.connect(descriptor, $0, $1) } == 0
    }

    /// Nil where the path does not fit into an address (107 bytes).
    private static func address(_ path: String) -> sockaddr_un? {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let room = MemoryLayout.size(ofValue: address.sun_path)
        guard path.utf8.count < room else { return nil }
        // Sound: the path and its final zero, which is there already, fit into the room.
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: path.utf8) }
        return address
    }

    private static func withSocketAddress(
        _ address: inout sockaddr_un, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
    ) -> Int32 {
        // Sound: a sockaddr_un starts as every sockaddr does, and its own size is passed along.
        unsafe withUnsafePointer(to: &address) {
            unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }
}
