internal import Addressing
internal import Glibc
public import Host

/// A TCP port to answer on: `:31339` for all addresses of both families, `127.0.0.1:31339`, `[::1]:31339`.
public struct ListeningPort: Hashable, Sendable, LosslessStringConvertible {
    /// Nil for every address.
    private let address: IPAddress?
    /// In host byte order.
    private let port: UInt16

    public init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]), port > 0
        else { return nil }
        self.port = port
        let host = text[..<colon]
        if host.isEmpty {
            address = nil
            return
        }
        let isBracketed = host.hasPrefix("[") && host.hasSuffix("]")
        guard let address = IPAddress(String(isBracketed ? host.dropFirst().dropLast() : host)),
            isBracketed == (address.family == .v6)
        else { return nil }
        self.address = address
    }

    public var description: String { address.map { SocketAddress($0, port: port).description } ?? ":\(port)" }

    /// Opens the port. Every address means those of IPv4 alone on a kernel without IPv6.
    ///
    /// - Throws: EADDRINUSE where another process has it.
    public func listen() throws(SystemError) -> OwnedDescriptor {
        if let address { return try listen(at: address) }
        do throws(SystemError) {
            return try listen(at: IPAddress(family: .v6, bits: 0))
        } catch {
            guard error.code == EAFNOSUPPORT || error.code == EADDRNOTAVAIL else { throw error }
            return try listen(at: IPAddress(v4: 0))
        }
    }

    private func listen(at address: IPAddress) throws(SystemError) -> OwnedDescriptor {
        let family = address.family == .v4 ? AF_INET : AF_INET6
        let raw = try retrying("open socket", description) {
            socket(
                family, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
        }
        let file = OwnedDescriptor(owning: raw)
        try set(SO_REUSEADDR, of: SOL_SOCKET, to: 1, on: file)
        if address.family == .v6 {
            try set(IPV6_V6ONLY, of: Int32(IPPROTO_IPV6), to: self.address == nil ? 0 : 1, on: file)
        }
        try bind(file, to: address)
        try retrying("listen", description) { Glibc.listen(file.raw, 16) }
        return file
    }

    private func set(
        _ option: Int32, of level: Int32, to value: Int32, on file: borrowing OwnedDescriptor
    ) throws(SystemError) {
        var value = value
        try retrying("set socket option", description) {
            // Sound: these options take an int, whose size is passed along.
            unsafe setsockopt(file.raw, level, option, &value, socklen_t(MemoryLayout<Int32>.size))
        }
    }

    private func bind(_ file: borrowing OwnedDescriptor, to address: IPAddress) throws(SystemError) {
        if address.family == .v4 {
            var name = sockaddr_in()
            name.sin_family = sa_family_t(AF_INET)
            name.sin_port = port.bigEndian
            unsafe withUnsafeMutableBytes(of: &name.sin_addr) { unsafe $0.copyBytes(from: address.bytes) }
            try bind(file, to: &name)
        } else {
            var name = sockaddr_in6()
            name.sin6_family = sa_family_t(AF_INET6)
            name.sin6_port = port.bigEndian
            unsafe withUnsafeMutableBytes(of: &name.sin6_addr) { unsafe $0.copyBytes(from: address.bytes) }
            try bind(file, to: &name)
        }
    }

    private func bind<Name>(
        _ file: borrowing OwnedDescriptor, to name: inout Name
    ) throws(SystemError) {
        try retrying("bind socket", description) {
            // Sound: every socket address starts as a sockaddr does, and its own size is passed along.
            unsafe withUnsafePointer(to: &name) {
                unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    unsafe Glibc.bind(file.raw, $0, socklen_t(MemoryLayout<Name>.size))
                }
            }
        }
    }
}
