import Addressing
import PacketPath

/// Addresses of a ``SamplePlan``, beginning with the peer in its middle.
struct SampleAddresses {
    private let peers: Int

    init(_ peers: Int) { self.peers = peers }

    func own(_ family: IPFamily) -> IPAddress {
        SamplePlan.local.tunnelAddresses.first { $0.family == family } ?? .unspecified(family)
    }

    /// A pod of a peer.
    func peer(_ number: Int, _ family: IPFamily) -> IPAddress {
        let subnet = SamplePlan.subnet((peers / 2 + number) % peers, generation: 0, family)
        return IPAddress(family: family, bits: subnet.first.bits | 9)
    }

    /// Where a peer's datagrams come from.
    func outer(_ number: Int) -> IPAddress {
        SamplePlan.peer((peers / 2 + number) % peers, generation: 0).nodeAddresses[0]
    }
}
