public import Addressing
internal import Glibc
public import Host
internal import NetlinkShim

/// The kernel's table of tracked connections (conntrack(8)) in one network namespace.
public enum Conntrack {
    /// Up to this many connections, it is cheaper to look at all of them once than to let the kernel search its whole
    /// table, mostly empty, for each address and direction.
    private static let fewConnections = 4096
    /// Up to this many connections, it is cheapest to read all of them as text first: each listing locks every part of the
    /// table, for ten milliseconds and more, and most pods have no connections any more when they end.
    private static let readableConnections = 512

    /// Forgets all connections from or to any of `addresses`, in the network namespace of the calling thread.
    ///
    /// - Returns: How many there were.
    @discardableResult
    public static func deleteEntries(of addresses: [IPAddress]) throws(SystemError) -> Int {
        // No file: nothing in this namespace tracks connections.
        let content = try Files.readIfPresent("/proc/sys/net/netfilter/nf_conntrack_count") ?? []
        let count = Int(String(decoding: content.prefix { $0 > 0x20 }, as: UTF8.self)) ?? 0
        if count == 0 || addresses.isEmpty { return 0 }
        if count <= readableConnections, try !ConnectionText.mentions(addresses) { return 0 }
        if count > fewConnections {
            var deleted = 0
            for address in addresses { deleted += try deleteEntries(of: address) }
            return deleted
        }
        let socket = try Socket(netlinkProtocol: NETLINK_NETFILTER)
        let found = try socket.dump {
            Request(
                operation: "list connections", subject: "of both families",
                message: Message(conntrack: IPCTNL_MSG_CT_GET, flags: NLM_F_DUMP, family: nil))
        } _: { reply in
            Connection(reply).flatMap { $0.sources.contains(where: addresses.contains) ? $0 : nil }
        }
        return try delete(found, by: socket)
    }

    /// Forgets all connections from or to an address, in the network namespace of the calling thread. An address that
    /// is given to another pod must not inherit what was known about its last owner.
    ///
    /// - Returns: How many there were.
    /// - Throws: EINVAL or EOPNOTSUPP where the kernel tracks no connections.
    @discardableResult
    public static func deleteEntries(of address: IPAddress) throws(SystemError) -> Int {
        let socket = try Socket(netlinkProtocol: NETLINK_NETFILTER)
        var found: [Connection] = []
        // A pod is the source of what it started, and what it answers has it as the source of replies, also where its
        // address was translated to or from.
        for direction in Direction.allCases {
            found += try socket.dump {
                Request(
                    operation: "list connections", subject: "of \(address)",
                    message: listMessage(address, source: direction))
            } _: { reply in
                Connection(reply).flatMap { $0.sources.contains(address) ? $0 : nil }
            }
        }
        return try delete(found, by: socket)
    }

    private static func delete(_ found: [Connection], by socket: Socket) throws(SystemError) -> Int {
        let connections = Set(found)
        try socket.perform(
            connections.compactMap { connection in
                guard let source = connection.sources.first else { return nil }
                return Request(
                    operation: "delete connection", subject: "from \(source)",
                    message: deletionMessage(connection, source.family), tolerated: [ENOENT])
            })
        return connections.count
    }

    /// Which of a connection's two directions is looked at: what its opener sends, or what comes back.
    private enum Direction: CaseIterable {
        case original, reply
    }

    /// Kernels from 5.8 on give what matches; older ones do not know the filter and give all.
    private static func listMessage(_ address: IPAddress, source direction: Direction) -> Message {
        let message = Message(conntrack: IPCTNL_MSG_CT_GET, flags: NLM_F_DUMP, family: address.family)
        message.nest(direction == .original ? CTA_TUPLE_ORIG : CTA_TUPLE_REPLY) {
            message.nest(CTA_TUPLE_IP) {
                message.put(address.family == .v4 ? CTA_IP_V4_SRC : CTA_IP_V6_SRC, bytes: address.bytes)
            }
        }
        message.nest(CTA_FILTER) {
            message.put(CTA_FILTER_ORIG_FLAGS, direction == .original ? matchSource : UInt32(0))
            message.put(CTA_FILTER_REPLY_FLAGS, direction == .reply ? matchSource : UInt32(0))
        }
        return message
    }

    /// `CTA_FILTER_F_CTA_IP_SRC`, in a header that the kernel keeps to itself (nf_internals.h).
    private static let matchSource: UInt32 = 1

    private static func deletionMessage(_ connection: Connection, _ family: IPFamily) -> Message {
        let message = Message(conntrack: IPCTNL_MSG_CT_DELETE, family: family)
        message.put(Int32(CTA_TUPLE_ORIG.rawValue) | Int32(NLA_F_NESTED), bytes: connection.original)
        // The number makes sure that it is this one, and not a new one of the same addresses and ports.
        message.put(CTA_ID, bytes: connection.id)
        if !connection.zone.isEmpty { message.put(CTA_ZONE, bytes: connection.zone) }
        return message
    }

    /// What tells one connection from all others, as the kernel wrote it, and its two sources.
    private struct Connection: Hashable {
        var original: [UInt8] = []
        var id: [UInt8] = []
        var zone: [UInt8] = []
        var sources: [IPAddress] = []

        init?(_ reply: Reply) {
            guard reply.payload.header(nfgenmsg.self) != nil else { return nil }
            for (type, value) in reply.payload.attributes(after: MemoryLayout<nfgenmsg>.size) {
                switch Int32(type) {
                case CTA_TUPLE_ORIG.number:
                    original = Array(value.bytes)
                    sources += Self.source(of: value)
                case CTA_TUPLE_REPLY.number: sources += Self.source(of: value)
                case CTA_ID.number: id = Array(value.bytes)
                case CTA_ZONE.number: zone = Array(value.bytes)
                default: break
                }
            }
        }

        private static func source(of tuple: Payload) -> [IPAddress] {
            let addresses = tuple.attributes().first(CTA_TUPLE_IP)?.attributes()
            let source = addresses?.first(CTA_IP_V4_SRC) ?? addresses?.first(CTA_IP_V6_SRC)
            return source?.address.map { [$0] } ?? []
        }
    }
}

extension Message {
    /// A message of the connection tracking subsystem.
    fileprivate convenience init(conntrack type: cntl_msg_types, flags: Int32 = 0, family: IPFamily?) {
        self.init(type: UInt16(NFNL_SUBSYS_CTNETLINK) << 8 | UInt16(type.rawValue), flags: flags)
        append(nfgenmsg(nfgen_family: family?.number ?? UInt8(AF_UNSPEC), version: UInt8(NFNETLINK_V0), res_id: 0))
    }
}

extension ctattr_type: AttributeType {}
extension ctattr_tuple: AttributeType {}
extension ctattr_ip: AttributeType {}
extension ctattr_filter: AttributeType {}
