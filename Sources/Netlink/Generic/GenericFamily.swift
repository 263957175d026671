internal import Glibc
internal import Host
internal import NetlinkShim

/// A part of the kernel that is reached by generic netlink, such as `fou` or `ethtool`: a name, whose number is asked for
/// each time anew, and commands with attributes.
///
/// It talks to the network namespace in which it was opened. Not for use by two threads at once.
final class GenericFamily {
    let name: String
    let socket: Socket
    private let number: UInt16
    private let version: UInt8

    /// - Parameters:
    ///   - version: Of the family's commands, as its header says.
    ///   - remedy: What to do where this kernel has no such family.
    /// - Throws: ENOENT where it has none, not even as a module that can be loaded.
    init(_ name: String, version: Int, remedy: String) throws(SystemError) {
        self.name = name
        self.version = UInt8(truncatingIfNeeded: version)
        socket = try Socket(netlinkProtocol: NETLINK_GENERIC)
        guard let number = try Self.number(of: name, socket) else {
            throw SystemError(
                "find", "generic netlink family \(name)", code: ENOENT,
                detail: "the family does not exist in this kernel; \(remedy)")
        }
        self.number = number
    }

    /// A message with one of the family's commands.
    func message(_ command: Int, flags: Int32 = 0) -> Message {
        Message(generic: number, command, version: version, flags: flags)
    }

    /// The number by which messages name the family, or nil where there is none. The kernel loads the family's module
    /// meanwhile where it can.
    private static func number(of name: String, _ socket: Socket) throws(SystemError) -> UInt16? {
        let message = Message(generic: UInt16(GENL_ID_CTRL), CTRL_CMD_GETFAMILY, version: 1)
        message.put(CTRL_ATTR_FAMILY_NAME, text: name)
        let reply = try socket.query(
            Request(
                operation: "find", subject: "generic netlink family \(name)", message: message, tolerated: [ENOENT]))
        return reply?.genericAttributes.first(CTRL_ATTR_FAMILY_ID)?.u16
    }
}

extension Message {
    fileprivate convenience init(generic family: UInt16, _ command: Int, version: UInt8, flags: Int32 = 0) {
        self.init(type: family, flags: flags)
        append(genlmsghdr(cmd: UInt8(truncatingIfNeeded: command), version: version, reserved: 0))
    }
}

extension Reply {
    /// The attributes of an answer from a family.
    var genericAttributes: Attributes { payload.attributes(after: MemoryLayout<genlmsghdr>.size) }
}
