public import Addressing
import Glibc
public import Host
import NetlinkEye

/// What the kernel's network state really is, in the calling thread's network namespace. Read over libmnl, with no
/// line in common with the code under test.
public enum KernelState {
    public struct Link: Hashable, Sendable {
        public var index: Int32
        public var name: String
        public var kind: String
        public var mac: MACAddress?
        public var mtu: Int
        /// The largest super-packets that the device takes, in bytes.
        public var gsoMaxSize: UInt32
        /// The same for IPv4; nil on kernels before 6.3, where ``gsoMaxSize`` counts for both.
        public var gsoIPv4MaxSize: UInt32?
        public var isUp: Bool
        public var isPromiscuous: Bool
        public var master: Int32?
        public var peerIndex: Int32?
        /// Nil for links that are in no bridge.
        public var bridgePort: BridgePort?
    }

    public struct BridgePort: Hashable, Sendable {
        public var hairpin: Bool
        public var isolated: Bool
        public var learning: Bool
    }

    public struct Address: Hashable, Sendable {
        public var index: Int32
        public var prefix: IPPrefix
        public var scope: UInt8
        public var skipsDuplicateDetection: Bool
        public var addsNoPrefixRoute: Bool
        public var isTentative: Bool
    }

    public struct Route: Hashable, Sendable {
        public var destination: IPPrefix
        /// `RTN_…` (linux/rtnetlink.h): 1 unicast, 2 local, 7 unreachable, 9 throw.
        public var kind: UInt8
        public var scope: UInt8
        public var origin: UInt8
        public var isOnLink: Bool
        public var table: UInt32
        public var metric: UInt32
        public var index: Int32?
        public var gateway: IPAddress?
        public var source: IPAddress?
        public var mtu: UInt32?
    }

    public struct Neighbour: Hashable, Sendable {
        public var index: Int32
        public var address: IPAddress
        public var mac: MACAddress?
        public var isPermanent: Bool
    }

    public struct Rule: Hashable, Sendable {
        public var family: IPFamily
        public var priority: UInt32
        public var table: UInt32
        public var mark: UInt32
        public var markMask: UInt32
        public var isInverted: Bool
    }

    public static func links() throws(SystemError) -> [Link] {
        try unsafe list("links", warrens_eye_links) { link in
            Link(
                index: link.index, name: text(link.name), kind: text(link.kind),
                mac: link.has_mac ? MACAddress(bytes: bytes(link.mac)) : nil, mtu: Int(link.mtu),
                gsoMaxSize: link.gso_max_size,
                gsoIPv4MaxSize: link.gso_ipv4_max_size == 0 ? nil : link.gso_ipv4_max_size,
                isUp: link.flags & UInt32(IFF_UP) != 0, isPromiscuous: link.promiscuity != 0,
                master: present(link.master), peerIndex: present(link.peer_index),
                bridgePort: link.is_bridge_port
                    ? BridgePort(hairpin: link.hairpin, isolated: link.isolated, learning: link.learning) : nil)
        }
    }

    public static func link(named name: String) throws(SystemError) -> Link? {
        try links().first { $0.name == name }
    }

    public static func addresses() throws(SystemError) -> [Address] {
        try unsafe list("addresses", warrens_eye_addresses) { address in
            prefix(address.family, bytes(address.address), address.prefix_length).map {
                Address(
                    index: address.index, prefix: $0, scope: address.scope,
                    skipsDuplicateDetection: address.flags & 0x02 != 0, addsNoPrefixRoute: address.flags & 0x200 != 0,
                    isTentative: address.flags & 0x40 != 0)
            }
        }
    }

    /// The routes of all tables.
    public static func routes() throws(SystemError) -> [Route] {
        try unsafe list("routes", warrens_eye_routes) { route in
            prefix(route.family, bytes(route.destination), route.prefix_length).map {
                Route(
                    destination: $0, kind: route.kind, scope: route.scope, origin: route.origin,
                    isOnLink: route.flags & 4 != 0, table: route.table, metric: route.metric,
                    index: present(route.index),
                    gateway: route.has_gateway ? address(route.family, bytes(route.gateway)) : nil,
                    source: route.has_source ? address(route.family, bytes(route.source)) : nil,
                    mtu: route.mtu == 0 ? nil : route.mtu)
            }
        }
    }

    public static func neighbours() throws(SystemError) -> [Neighbour] {
        try unsafe list("neighbours", warrens_eye_neighbours) { neighbour in
            address(neighbour.family, bytes(neighbour.address)).map {
                Neighbour(
                    index: neighbour.index, address: $0,
                    mac: neighbour.has_mac ? MACAddress(bytes: bytes(neighbour.mac)) : nil,
                    isPermanent: neighbour.state & 0x80 != 0)
            }
        }
    }

    public static func rules() throws(SystemError) -> [Rule] {
        try unsafe list("rules", warrens_eye_rules) { rule in
            family(rule.family).map {
                Rule(
                    family: $0, priority: rule.priority, table: rule.table, mark: rule.mark, markMask: rule.mark_mask,
                    isInverted: rule.is_inverted)
            }
        }
    }

    // MARK: C to Swift

    private static func list<Item, Object>(
        _ subject: String, _ call: (UnsafeMutablePointer<UnsafeMutablePointer<Item>?>) -> Int,
        _ transform: (Item) -> Object?
    ) throws(SystemError) -> [Object] {
        var items: UnsafeMutablePointer<Item>?
        let count = unsafe call(&items)
        if count < 0 { throw .last("list", subject) }
        // Sound: the call made an array of `count` items, ours to free.
        defer { unsafe free(items) }
        return unsafe UnsafeBufferPointer(start: items, count: count).compactMap(transform)
    }

    private static func bytes<Tuple: BitwiseCopyable>(_ tuple: Tuple) -> [UInt8] {
        unsafe withUnsafeBytes(of: tuple) { unsafe Array($0) }
    }

    private static func text<Tuple: BitwiseCopyable>(_ tuple: Tuple) -> String {
        String(decoding: bytes(tuple).prefix { $0 != 0 }, as: UTF8.self)
    }

    private static func present(_ index: Int32) -> Int32? {
        index == 0 ? nil : index
    }

    private static func family(_ number: UInt8) -> IPFamily? {
        Int32(number) == AF_INET ? .v4 : Int32(number) == AF_INET6 ? .v6 : nil
    }

    private static func address(_ number: UInt8, _ bytes: [UInt8]) -> IPAddress? {
        family(number).flatMap { IPAddress(bytes: bytes.prefix($0.byteCount)) }
    }

    private static func prefix(_ number: UInt8, _ bytes: [UInt8], _ length: UInt8) -> IPPrefix? {
        address(number, bytes).flatMap { IPPrefix($0, length: Int(length)) }
    }
}
