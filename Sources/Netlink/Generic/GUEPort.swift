public import Addressing
internal import Glibc
public import Host
internal import NetlinkShim

/// A UDP port on which the kernel itself receives Generic UDP Encapsulation (draft-ietf-intarea-gue), whose variant 1 is
/// a bare IP packet in a datagram. From then on it puts the segments of an inner TCP connection together while it
/// receives them.
public struct GUEPort: Hashable, Sendable {
    /// Of the outer packets.
    public var family: IPFamily
    public var port: UInt16

    public init(_ family: IPFamily, port: UInt16) {
        self.family = family
        self.port = port
    }
}

/// The kernel's Foo-over-UDP (ip-fou(8)) in one network namespace.
///
/// Not for use by two threads at once.
public final class FooOverUDP {
    private let kernel: GenericFamily

    /// Opens it in the network namespace in which the calling thread is.
    ///
    /// - Throws: ENOENT where the kernel has none, and cannot load it as a module; see ``SystemError/detail``.
    public init() throws(SystemError) {
        kernel = try GenericFamily(
            FOU_GENL_NAME, version: Int(FOU_GENL_VERSION), remedy: "load it (modprobe fou), or do without")
    }

    /// Receives GUE on a port; `ip fou add port … gue`.
    ///
    /// - Throws: EADDRINUSE where a process or the kernel receives on the port already.
    public func add(_ port: GUEPort) throws(SystemError) {
        try kernel.socket.perform([
            Request(operation: "add", subject: "\(port)", message: port.addition(kernel.message(FOU_CMD_ADD)))
        ])
    }

    /// Ends it; `ip fou del port …`.
    ///
    /// - Throws: EINVAL where it does not receive there.
    public func delete(_ port: GUEPort) throws(SystemError) {
        try kernel.socket.perform([
            Request(operation: "delete", subject: "\(port)", message: port.deletion(kernel.message(FOU_CMD_DEL)))
        ])
    }

    /// The ports on which the kernel receives GUE, whoever asked for it; `ip fou show`.
    public func ports() throws(SystemError) -> [GUEPort] {
        try kernel.socket.dump {
            Request(operation: "list", subject: "GUE ports", message: kernel.message(FOU_CMD_GET, flags: NLM_F_DUMP))
        } _: {
            GUEPort($0)
        }
    }
}

extension GUEPort: CustomStringConvertible {
    /// `GUE port 31337 (IPv4)`
    public var description: String { "GUE port \(port) (\(family))" }

    /// Fills in what makes the port. No FOU_ATTR_IPPROTO: GUE says itself what it holds, and newer kernels refuse it.
    func addition(_ message: Message) -> Message {
        let message = deletion(message)
        message.put(FOU_ATTR_TYPE, UInt8(FOU_ENCAP_GUE))
        return message
    }

    /// Fills in what tells the port from others.
    func deletion(_ message: Message) -> Message {
        message.putBig(FOU_ATTR_PORT, port)
        message.put(FOU_ATTR_AF, family.number)
        return message
    }

    init?(_ reply: Reply) {
        let attributes = reply.genericAttributes
        guard let port = attributes.first(FOU_ATTR_PORT)?.u16.map(UInt16.init(bigEndian:)),
            let family = attributes.first(FOU_ATTR_AF)?.u8.flatMap(IPFamily.init(number:)),
            attributes.first(FOU_ATTR_TYPE)?.u8 == UInt8(FOU_ENCAP_GUE)
        else { return nil }
        self.init(family, port: port)
    }
}
