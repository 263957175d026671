internal import Glibc
internal import NetlinkShim

/// What kind of packets an nftables table sees.
public struct NftablesFamily: RawRepresentable, Hashable, Sendable {
    /// `NFPROTO_…` (linux/netfilter.h).
    public var rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// IPv4 and IPv6.
    public static let inet = NftablesFamily(rawValue: 1)
    public static let ip = NftablesFamily(rawValue: 2)
    /// What single devices receive or send, before or after everything else.
    public static let netdev = NftablesFamily(rawValue: 5)
    public static let bridge = NftablesFamily(rawValue: 7)
    public static let ip6 = NftablesFamily(rawValue: 10)
}

extension NftablesFamily: CustomStringConvertible {
    public var description: String {
        switch self {
        case .inet: "inet"
        case .ip: "ip"
        case .netdev: "netdev"
        case .bridge: "bridge"
        case .ip6: "ip6"
        default: "family \(rawValue)"
        }
    }
}

/// An nftables table, written `inet warrens`.
public struct NftablesTable: Hashable, Sendable, CustomStringConvertible {
    public var family: NftablesFamily
    public var name: String

    public init(_ family: NftablesFamily, _ name: String) {
        self.family = family
        self.name = name
    }

    public var description: String { "\(family) \(name)" }
}

/// A chain of rules.
public struct NftablesChain: Hashable, Sendable, CustomStringConvertible {
    public var table: NftablesTable
    public var name: String
    /// Where packets enter it; nil for a chain that other chains jump to.
    public var base: NftablesBase?

    public init(_ table: NftablesTable, _ name: String, base: NftablesBase? = nil) {
        self.table = table
        self.name = name
        self.base = base
    }

    public var description: String { "\(table) \(name)" }
}

/// Where packets enter a chain, and what becomes of those that reach its end.
public struct NftablesBase: Hashable, Sendable {
    public enum Kind: String, Sendable {
        case filter, nat, route
    }

    /// In the order in which a packet may meet them (`NF_INET_…`).
    public enum Hook: UInt32, Sendable {
        case prerouting, input, forward, output, postrouting
    }

    public var kind: Kind
    public var hook: Hook
    /// Chains of one hook are asked in ascending order.
    public var priority: Int32
    /// False for the policy "drop": what no rule decides is dropped.
    public var accepts: Bool

    public init(_ kind: Kind, hook: Hook, priority: Int32, accepts: Bool = true) {
        self.kind = kind
        self.hook = hook
        self.priority = priority
        self.accepts = accepts
    }

    /// The priority that nft calls `raw`: before connection tracking.
    public static let rawPriority: Int32 = -300
    /// The priority that nft calls `mangle`.
    public static let manglePriority: Int32 = -150
    /// The priority that nft calls `dstnat`.
    public static let destinationNATPriority: Int32 = -100
    /// The priority that nft calls `filter`.
    public static let filterPriority: Int32 = 0
    /// The priority that nft calls `srcnat`.
    public static let sourceNATPriority: Int32 = 100
}

/// A named set that rules look things up in.
public struct NftablesSet: Hashable, Sendable, CustomStringConvertible {
    public enum Key: Hashable, Sendable {
        case ipv4Address, ipv6Address, interfaceName
    }

    public var table: NftablesTable
    public var name: String
    public var key: Key
    /// Holds prefixes (`flags interval`) rather than single addresses.
    public var holdsPrefixes: Bool

    public init(_ table: NftablesTable, _ name: String, key: Key, holdsPrefixes: Bool = false) {
        self.table = table
        self.name = name
        self.key = key
        self.holdsPrefixes = holdsPrefixes
    }

    public var description: String { "\(table) \(name)" }
}

/// A rule as the kernel lists it.
public struct NftablesRule: Hashable, Sendable {
    public var chain: NftablesChain
    /// Its number, by which it can be deleted.
    public var handle: UInt64
    /// The comment that nft shows, or empty.
    public var comment: String
    /// The kernel's names of its expressions, in order: `meta`, `cmp`, `immediate`, …
    public var expressions: [String]
    /// It ends by dropping or rejecting; what chains it jumps to do is not looked at.
    public var refuses: Bool
}
