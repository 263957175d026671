public import Addressing

/// One node of the annotation file: what it announces, and what follows from that on every node alike.
public struct NodeEntry: Hashable, Sendable {
    /// `metadata.name`.
    public var name: String
    /// Announced or computed from the machine id; nil where the node announces subnets alone.
    public var nodeID: NodeID?
    /// Announced or computed from ``nodeID``: IPv6 first where computed.
    public var subnets: [IPPrefix]
    /// True where ``subnets`` stand in the file.
    public var announcesSubnets: Bool
    /// Extra prefixes behind this node.
    public var routes: [IPPrefix]
    /// As announced, best first; nil where the annotation is absent and the addresses stand for it.
    public var endpoints: [Endpoint]?
    /// True where the node says that its address changes (`dynamic`).
    public var isDynamic: Bool
    /// `status.addresses` of type InternalIP, in the file's order.
    public var internalAddresses: [IPAddress]
    /// `status.addresses` of type ExternalIP, in the file's order.
    public var externalAddresses: [IPAddress]
    public var features: Set<String>
    /// 32 bytes (Curve25519).
    public var publicKey: [UInt8]?
    public var isRelay: Bool
    public var claim: Claim
}
