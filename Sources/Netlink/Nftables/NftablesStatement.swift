public import Addressing

/// One part of a rule: a test that a packet has to pass, or something that is done with those that passed the tests
/// before. A rule with a verdict ends the way of the packet through the chain.
public enum NftablesStatement: Hashable, Sendable {
    // Tests.
    /// `iifname`: the name of the device by which the packet came in.
    case inputInterface(NftablesNameTest)
    /// `oifname`: the name of the device by which the packet will leave.
    case outputInterface(NftablesNameTest)
    /// `meta nfproto`: the packet is of this family. Tests of addresses include it.
    case family(IPFamily)
    /// `ip saddr`, `ip6 saddr`.
    case source(NftablesAddressTest)
    /// `ip daddr`, `ip6 daddr`.
    case destination(NftablesAddressTest)
    /// `meta l4proto`: the number of the transport protocol (6 TCP, 17 UDP).
    case transportProtocol(UInt8)
    /// `th dport`, in host byte order. Only behind a test of the transport protocol.
    case destinationPort(UInt16)
    /// `@th,8*at,8*count == bytes`: what stands in the transport header `at` so many bytes. Only behind a test of the
    /// transport protocol.
    case transportBytes(_ at: Int, [UInt8])
    /// `meta mark and mask == value`.
    case mark(UInt32, mask: UInt32 = .max)
    /// `ct state`: any of these. Not for tables that iptables-nft made (`ip filter` and its like): see
    /// ``xtablesConnectionState(_:)``.
    case connectionState(NftablesConnectionState)
    /// The same in the form in which iptables-nft writes it (`-m conntrack --ctstate`), for its own tables.
    ///
    /// That program understands few of nf_tables' expressions, and for one that it does not it refuses to work on the
    /// table at all ("table `filter' is incompatible, use 'nft' tool"). Interface names, addresses, marks, counters
    /// and verdicts it does understand, and it shows our comments.
    case xtablesConnectionState(NftablesConnectionState)
    /// `ct status dnat`: the connection's destination was translated.
    case destinationWasTranslated
    /// `ct mark and mask == value`.
    case connectionMark(UInt32, mask: UInt32 = .max)

    // What is done.
    /// Counts packets and bytes.
    case counter
    /// `@th,8*at,8*count set bytes`: writes into the transport header, and updates the Internet checksum that stands in it
    /// `checksumAt` so many bytes; nil for none. All three are even.
    case setTransportBytes(_ at: Int, [UInt8], checksumAt: Int?)
    /// `meta mark set`.
    case setMark(UInt32)
    /// `ct mark set`.
    case setConnectionMark(UInt32)
    /// Keeps the packet away from connection tracking; only before it (``NftablesBase/rawPriority``).
    case notrack

    // Verdicts, and what ends a rule like them.
    case accept
    case drop
    /// Back to the chain that jumped here.
    case `return`
    case jump(String)
    /// Like a jump, but ``return`` leads to where this chain would have returned to.
    case goTo(String)
    /// Translates the source to the address of the device by which the packet leaves.
    case masquerade
    /// Translates the source.
    case sourceNAT(IPAddress)
    /// Translates the destination.
    case destinationNAT(IPAddress)
}

/// A test of an interface's name. A name that ends with `*` stands for all that begin so.
public enum NftablesNameTest: Hashable, Sendable {
    case equals(String)
    case notEquals(String)
    /// The name of a set of the same table.
    case inSet(String)
    case notInSet(String)
}

/// A test of an address. Also ``notWithin(_:)`` and ``notInSet(_:_:)`` hold only for packets of that family.
public enum NftablesAddressTest: Hashable, Sendable {
    case within(IPPrefix)
    case notWithin(IPPrefix)
    /// The name of a set of the same table, and the family of its addresses.
    case inSet(String, IPFamily)
    case notInSet(String, IPFamily)

    var family: IPFamily {
        switch self {
        case .within(let prefix), .notWithin(let prefix): prefix.family
        case .inSet(_, let family), .notInSet(_, let family): family
        }
    }
}

/// What connection tracking knows about a packet.
public struct NftablesConnectionState: OptionSet, Hashable, Sendable {
    public var rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    public static let invalid = Self(rawValue: 1)
    public static let established = Self(rawValue: 2)
    public static let related = Self(rawValue: 4)
    public static let new = Self(rawValue: 8)
    public static let untracked = Self(rawValue: 64)
}
