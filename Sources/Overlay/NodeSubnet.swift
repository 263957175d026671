public import Addressing

/// One subnet of a node, with the parts that its addresses play.
///
/// | host part | IPv4 | IPv6 |
/// | --- | --- | --- |
/// | tunnel device | 1 | 1 |
/// | bridge, the pods' gateway | 2 | 2 |
/// | reserved | 3–7 | 3–15 |
/// | containers | 8 to the last | 16 to the last |
///
/// No address is lost to broadcast, because no interface carries the subnet's prefix length.
public struct NodeSubnet: Hashable, Sendable, CustomStringConvertible {
    /// The subnet, without host bits.
    public let prefix: IPPrefix
    /// The address of `warrens0`, the node's own address in the overlay.
    public let tunnelAddress: IPAddress
    /// The address of the bridge `cni0`, through which the pods route.
    public let bridgeAddress: IPAddress
    public let firstContainer: IPAddress
    public let lastContainer: IPAddress

    /// The longest prefix that leaves room for eight IPv4 or sixteen IPv6 containers: 28 or 123.
    public static func longestPrefix(_ family: IPFamily) -> Int { family == .v4 ? 28 : 123 }

    /// Divides `prefix`, whose host bits are dropped; nil where it is longer than ``longestPrefix(_:)``.
    public init?(_ prefix: IPPrefix) {
        let network = prefix.network
        guard network.length <= Self.longestPrefix(network.family), let tunnel = network.host(1),
            let bridge = network.host(2), let first = network.host(network.family == .v4 ? 8 : 16)
        else { return nil }
        self.prefix = network
        tunnelAddress = tunnel
        bridgeAddress = bridge
        firstContainer = first
        lastContainer = network.last
    }

    public var family: IPFamily { prefix.family }

    /// How many containers have room; the greatest `Int` where there are more.
    public var containerCount: Int { Int(clamping: lastContainer.bits - firstContainer.bits + 1) }

    public var description: String { prefix.description }
}
