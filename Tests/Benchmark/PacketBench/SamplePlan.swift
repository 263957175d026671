import Addressing
import PacketPath

/// A plan of a cluster in which each node has one subnet of each family and one address.
enum SamplePlan {
    static let local = ForwardingPlan.Local(
        subnets: [prefix("10.127.0.0/24"), prefix("fd53:7769:726c:ffff::/112")],
        tunnelAddresses: [address("10.127.0.1"), address("fd53:7769:726c:ffff::1")])

    static func make(_ peers: Int) -> ForwardingPlan {
        ForwardingPlan(local: local, peers: (0..<peers).map { peer($0, generation: 0) })
    }

    /// - Parameter generation: Chooses among several subnets, so that there is something to change.
    static func peer(_ number: Int, generation: Int) -> ForwardingPlan.Peer {
        let outer = IPAddress(v4: 0x6440_0000 + UInt32(number))
        let digits = String(number)
        return ForwardingPlan.Peer(
            name: "node-" + String(repeating: "0", count: 6 - digits.count) + digits,
            subnets: [subnet(number, generation: generation, .v6), subnet(number, generation: generation, .v4)],
            nodeAddresses: [outer], endpoint: SocketAddress(outer, port: 31337), outerSources: [outer])
    }

    static func subnet(_ number: Int, generation: Int, _ family: IPFamily) -> IPPrefix {
        switch family {
        case .v4:
            let bits = UInt32(0x0a80_0000) + UInt32(number) << 6 + UInt32(generation & 1) << 5
            return IPPrefix(IPAddress(v4: bits), length: 27) ?? prefix("0.0.0.0/0")
        case .v6:
            let bits = UInt128(0xfd53_7769_726c) << 80 | UInt128(nodeID(number * 2 + generation & 1)) << 16
            return IPPrefix(IPAddress(family: .v6, bits: bits), length: 112) ?? prefix("::/0")
        }
    }

    /// As node ids are: spread over the whole range.
    static func nodeID(_ number: Int) -> UInt64 { (UInt64(number) &+ 1) &* 0x9e37_79b9_7f4a_7c15 }

    private static func prefix(_ text: String) -> IPPrefix { IPPrefix(text) ?? IPPrefix(host: .unspecified(.v4)) }
    private static func address(_ text: String) -> IPAddress { IPAddress(text) ?? .unspecified(.v4) }
}
