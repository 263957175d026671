import Addressing
internal import Glibc
internal import Host
internal import Overlay
internal import SyscallShim

/// The UDP socket of one outer family on the tunnel's port. It belongs to no connection and never fragments unasked.
final class TunnelSocket: Sendable {
    /// Room for what arrives while the reading thread does not run, in bytes: WireGuard's measure, about 5 ms of a
    /// 10 Gb/s link.
    private static let bufferSize: Int32 = 7 << 20

    /// How many reports are taken off the error queue before packets have their turn again.
    private static let reportsAtOnce = 64

    let family: IPFamily
    private let file: OwnedDescriptor
    var descriptor: Int32 { file.raw }
    private var isV6: Int32 { family == .v6 ? 1 : 0 }

    /// What a socket is for.
    enum Role {
        /// Receives and sends, on the tunnel's port.
        /// - joins: The kernel may join datagrams of one sender for one receive (UDP_GRO).
        /// - isShared: Other sockets of this process receive on the port as well, each what the kernel chooses for it.
        case tunnel(port: UInt16, joins: Bool, isShared: Bool)
        /// Sends from a port that the kernel chooses.
        case sender
    }

    /// Opens and binds the socket.
    ///
    /// - Returns: Nil where the kernel lacks the family.
    init?(_ family: IPFamily, _ role: Role) throws(SystemError) {
        let domain = family == .v4 ? AF_INET : AF_INET6
        let raw = socket(domain, Int32(SOCK_DGRAM.rawValue) | Self.closeOnExec | Self.doNotWait, Int32(IPPROTO_UDP))
        if raw < 0, errno == EAFNOSUPPORT { return nil }
        guard raw >= 0 else { throw .last("open UDP socket", "\(family)") }
        file = OwnedDescriptor(owning: raw)
        self.family = family

        try set(Option.socket, Option.mark, Int32(bitPattern: KernelNames.datagramMark), "mark")
        try set(Option.socket, Option.sendBufferForce, Self.bufferSize, "send buffer")
        switch family {
        case .v4:
            try set(Option.v4, Option.v4MTUDiscovery, Option.always, "path MTU discovery")
            try set(Option.v4, Option.v4ReceiveErrors, 1, "error queue")
        case .v6:
            try set(Option.v6, Option.v6Only, 1, "IPv6 only")
            try set(Option.v6, Option.v6MTUDiscovery, Option.always, "path MTU discovery")
            try set(Option.v6, Option.v6ReceiveErrors, 1, "error queue")
        }
        switch role {
        case .tunnel(let port, let joins, let isShared):
            try prepareToReceive(joins: joins)
            if isShared { try set(Option.socket, Option.sharePort, 1, "shared port") }
            try bindAll(port: port)
        case .sender:
            // Whoever answers to such a port is not heard: there is no reader, so no memory either.
            try set(Option.socket, Option.receiveBuffer, 0, "receive buffer")
            try bindAll(port: 0)
        }
    }

    private func prepareToReceive(joins: Bool) throws(SystemError) {
        try set(Option.socket, Option.receiveBufferForce, Self.bufferSize, "receive buffer")
        switch family {
        case .v4:
            try set(Option.v4, Option.v4ReceiveTrafficClass, 1, "traffic class")
        case .v6:
            try set(Option.v6, Option.v6ReceiveTrafficClass, 1, "traffic class")
            // Datagrams of kernel datapaths may come without a checksum (RFC 6935).
            try set(Option.udp, Option.noChecksumV6Receive, 1, "zero checksums")
        }
        // Kernels before 5.0 cannot, and hand over each datagram alone.
        if joins { try? set(Option.udp, Option.joinReceived, 1, "receive offload") }
    }

    /// Receives what waits, at most `count` messages.
    ///
    /// - Returns: How many; 0 where none waits or where the socket reported an error of an earlier datagram.
    @inline(__always)
    func receive(_ messages: UnsafeMutablePointer<warrens_received>, count: Int) -> Int {
        // Sound: each element states the room behind its pointer.
        let received = unsafe warrens_receive(file.raw, isV6, messages, Int32(truncatingIfNeeded: count))
        return max(0, Int(received))
    }

    /// Sends one datagram, or loses it where the kernel does not take it at once.
    func send(_ bytes: PacketView, to receiver: SocketAddress) {
        var part = unsafe iovec(iov_base: bytes.start, iov_len: bytes.count)
        var datagram = unsafe warrens_outgoing()
        unsafe datagram.port = receiver.port
        unsafe withUnsafeMutableBytes(of: &datagram.address) {
            unsafe AddressKey(receiver.address).write(networkOrder: $0)
        }
        // Sound: both live until the call returns, which keeps neither.
        unsafe withUnsafePointer(to: &part) { part in
            unsafe datagram.parts = part
            unsafe datagram.part_count = 1
            _ = unsafe warrens_send(file.raw, isV6, &datagram, 1)
        }
    }

    /// Takes reports of path MTUs (ICMP, or the kernel's own knowledge) off the socket's error queue, as many as a
    /// batch has messages.
    func drainErrors(_ report: (_ destination: AddressKey, _ mtu: Int) -> Void) {
        var error = warrens_socket_error()
        for _ in 0..<Self.reportsAtOnce {
            guard unsafe warrens_receive_socket_error(file.raw, isV6, &error) == 0 else { break }
            guard error.code == EMSGSIZE, error.information > 0 else { continue }
            let destination = unsafe withUnsafeBytes(of: error.address) { unsafe AddressKey(networkOrder: $0) }
            report(destination, Int(error.information))
        }
        // The socket may also hold an error without an entry, and poll(2) reports it until it is asked for.
        var pending: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        _ = unsafe getsockopt(file.raw, Option.socket, Option.pendingError, &pending, &size)
    }

    /// Whether outer datagrams may be fragmented, from now on.
    func allowFragments(_ allowed: Bool) {
        var value = allowed ? Option.never : Option.always
        let size = socklen_t(MemoryLayout<Int32>.size)
        switch family {
        case .v4: _ = unsafe setsockopt(file.raw, Option.v4, Option.v4MTUDiscovery, &value, size)
        case .v6: _ = unsafe setsockopt(file.raw, Option.v6, Option.v6MTUDiscovery, &value, size)
        }
    }

    private func set(_ level: Int32, _ option: Int32, _ value: Int32, _ what: String) throws(SystemError) {
        var value = value
        try retrying("set \(what) of UDP socket", "\(family)") {
            unsafe setsockopt(file.raw, level, option, &value, socklen_t(MemoryLayout<Int32>.size))
        }
    }

    private func bindAll(port: UInt16) throws(SystemError) {
        guard warrens_bind_port(file.raw, isV6, port) != 0 else { return }
        let code = errno
        let detail =
            code == EADDRINUSE
            ? "another program holds the port: stop it, or set another \"port\" on all nodes in warrens.json "
                + "(\"localPort\" on this one, where it is that)" : ""
        throw SystemError("bind \(family) UDP port", "\(port)", code: code, detail: detail)
    }

    private static let closeOnExec = Int32(SOCK_CLOEXEC.rawValue)
    private static let doNotWait = Int32(SOCK_NONBLOCK.rawValue)
}

/// Socket options by their numbers in Linux's ABI (asm-generic/socket.h, linux/in.h, linux/in6.h, linux/udp.h), not all
/// of which the C library's module names.
private enum Option {
    static let socket: Int32 = 1
    static let pendingError: Int32 = 4
    static let sendBufferForce: Int32 = 32
    static let receiveBufferForce: Int32 = 33
    static let receiveBuffer: Int32 = 8
    static let sharePort: Int32 = 15
    static let mark: Int32 = 36

    static let v4: Int32 = 0
    static let v4MTUDiscovery: Int32 = 10
    static let v4ReceiveErrors: Int32 = 11
    static let v4ReceiveTrafficClass: Int32 = 13

    static let v6: Int32 = 41
    static let v6MTUDiscovery: Int32 = 23
    static let v6ReceiveErrors: Int32 = 25
    static let v6Only: Int32 = 26
    static let v6ReceiveTrafficClass: Int32 = 66

    static let udp: Int32 = 17
    static let noChecksumV6Receive: Int32 = 102
    static let joinReceived: Int32 = 104

    /// Values of path MTU discovery: clear or set the "do not fragment" bit.
    static let never: Int32 = 0
    static let always: Int32 = 2
}
