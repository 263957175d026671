public import Addressing

/// One node of the annotation file: what it announces, and what follows from that on every node alike.
///
/// An object, because there may be a hundred thousand, and each stands in the file as read and in the registry, and in
/// their successors for as long as it stays what it is.
public final class NodeEntry: Sendable {
    /// `metadata.name`.
    public let name: String
    /// Announced or computed from ``nodeID``: IPv6 first where computed.
    public let subnets: [IPPrefix]
    /// Extra prefixes behind this node.
    public let routes: [IPPrefix]
    /// As announced, best first; nil where the annotation is absent and the addresses stand for it.
    public let endpoints: [Endpoint]?
    /// `status.addresses` of type InternalIP, in the file's order.
    public let internalAddresses: [IPAddress]
    /// `status.addresses` of type ExternalIP, in the file's order.
    public let externalAddresses: [IPAddress]
    public let features: Set<String>
    /// The release of Warrens that it runs, as announced.
    public let version: String?
    /// 32 bytes (Curve25519).
    public let publicKey: [UInt8]?
    public let claim: Claim
    /// Announced or computed from the machine id; nil where the node announces subnets alone.
    public let nodeID: NodeID?
    /// True where ``subnets`` stand in the file.
    public let announcesSubnets: Bool
    /// True where the node says that its address changes (`dynamic`).
    public let isDynamic: Bool
    public let isRelay: Bool

    init(
        name: String, nodeID: NodeID?, subnets: [IPPrefix], announcesSubnets: Bool, routes: [IPPrefix],
        endpoints: [Endpoint]?, isDynamic: Bool, internalAddresses: [IPAddress], externalAddresses: [IPAddress],
        features: Set<String>, version: String?, publicKey: [UInt8]?, isRelay: Bool, claim: Claim
    ) {
        self.name = name
        self.nodeID = nodeID
        self.subnets = subnets
        self.announcesSubnets = announcesSubnets
        self.routes = routes
        self.endpoints = endpoints
        self.isDynamic = isDynamic
        self.internalAddresses = internalAddresses
        self.externalAddresses = externalAddresses
        self.features = features
        self.version = version
        self.publicKey = publicKey
        self.isRelay = isRelay
        self.claim = claim
    }
}

extension NodeEntry: Hashable {
    public static func == (left: NodeEntry, right: NodeEntry) -> Bool {
        left === right
            || left.name == right.name && left.nodeID == right.nodeID && left.subnets == right.subnets
                && left.announcesSubnets == right.announcesSubnets && left.routes == right.routes
                && left.endpoints == right.endpoints && left.isDynamic == right.isDynamic
                && left.internalAddresses == right.internalAddresses
                && left.externalAddresses == right.externalAddresses && left.features == right.features
                && left.version == right.version && left.publicKey == right.publicKey
                && left.isRelay == right.isRelay && left.claim == right.claim
    }

    public func hash(into hasher: inout Hasher) { hasher.combine(name) }
}
