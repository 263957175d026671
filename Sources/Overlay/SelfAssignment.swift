public import Addressing

/// How a node's subnets follow from its id, without asking anyone.
public enum SelfAssignment {
    /// The subnets that a node with this id gives itself: IPv6 first, then IPv4.
    ///
    /// - Parameter families: The families wanted; by default those that the settings enable.
    public static func subnets(
        of nodeID: NodeID, settings: Settings, families: [IPFamily]? = nil
    ) -> [NodeSubnet] {
        let families = families ?? settings.families.enabled
        return [IPFamily.v6, .v4].filter(families.contains).compactMap { family in
            NodeSubnet(family == .v6 ? v6(nodeID, in: settings.v6Prefix) : v4(nodeID, settings: settings))
        }
    }

    /// The node's number among the IPv4 subnets: the id folded to `width` bits by exclusive or (FNV's own way).
    public static func index(of nodeID: NodeID, width: Int) -> UInt32 {
        let mask = (UInt64(1) << UInt64(width)) - 1
        return UInt32(truncatingIfNeeded: (nodeID.rawValue >> UInt64(width) ^ nodeID.rawValue) & mask)
    }

    private static func v6(_ nodeID: NodeID, in prefix: IPPrefix) -> IPPrefix {
        subnet(of: prefix, index: nodeID.rawValue, width: 64)
    }

    private static func v4(_ nodeID: NodeID, settings: Settings) -> IPPrefix {
        let index = index(of: nodeID, width: settings.v4Width)
        return subnet(of: settings.v4Prefix, index: UInt64(index), width: settings.v4Width)
    }

    private static func subnet(of prefix: IPPrefix, index: UInt64, width: Int) -> IPPrefix {
        let length = prefix.length + width
        let bits = prefix.first.bits | UInt128(index) << UInt128(prefix.family.bitWidth - length)
        // Settings are validated so that prefix and width fit the family; the prefix itself stands where they do not.
        return IPPrefix(IPAddress(family: prefix.family, bits: bits), length: length) ?? prefix
    }
}
