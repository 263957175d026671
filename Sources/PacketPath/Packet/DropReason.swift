/// Why a packet was not carried. Each reason has a counter that `status` and the metrics show under its name.
///
/// From the tunnel device towards a peer:
/// - `malformed`: lengths that contradict each other. Also on receipt.
/// - `notUnicast`: a destination that is not one host's (multicast, link-local); the kernel's own chatter.
/// - `ownDestination`: the destination lies in a subnet of this node, so routes are wrong.
/// - `noPeer`: no node claims the destination; answered with ICMP unreachable.
/// - `noEndpoint`: the node that claims it cannot be reached from here; answered with ICMP unreachable.
/// - `loop`: the packet goes to an endpoint, address and port: a tunnel inside of the tunnel.
/// - `tooBig`: longer than the path carries; answered with packet-too-big.
/// - `sendFailed`: the kernel refused the datagram: no route, or a full queue.
///
/// From a peer:
/// - `truncated`: longer than any packet that we carry.
/// - `encrypted`, `otherFraming`, `control`, `unknownFormat`: a first byte that this datapath does not serve.
/// - `martian`: an inner source or destination that belongs to nobody (loopback, multicast, unspecified).
/// - `ownSource`: an inner source out of a subnet of this node.
/// - `unknownSource`: an inner source that no node claims.
/// - `spoofedSource`: an inner source of a node whose endpoints do not include the outer source (`sourceCheck`).
/// - `notForUs`: an inner destination outside of this node's subnets and routes.
/// - `congestion`: marked "congestion experienced" on the way, and its sender would not understand (RFC 6040).
/// - `oversized`: an inner UDP datagram longer than any device here receives in one piece: a kernel's super-packet that
///   was never cut, whose parts cannot be told apart any more.
/// - `deliveryFailed`: the kernel did not take the packet from the tunnel device.
/// - `bareInner`: for a pod, and in no datagram, though programs in drivers (XDP) are to mark what they take out of some.
package enum DropReason: Int, CaseIterable, Sendable {
    case malformed, notUnicast, ownDestination, noPeer, noEndpoint, loop, tooBig, sendFailed
    case truncated, encrypted, otherFraming, control, unknownFormat
    case martian, ownSource, unknownSource, spoofedSource, notForUs, congestion, oversized, deliveryFailed, bareInner

    /// The name in `status` and in the metrics.
    package var name: String { "\(self)" }
}

/// What else a datapath counts.
package enum TrafficCounter: Int, CaseIterable, Sendable {
    /// Inner packets and their bytes, sent to peers.
    case sentPackets, sentBytes
    /// Inner packets and their bytes, received from peers and handed to the kernel.
    case receivedPackets, receivedBytes
    /// ICMP errors written back, and those that the rate limit held back.
    case errorsSent, errorsSuppressed
    /// Inner IPv4 packets that were split for a narrow path.
    case fragmented
    /// Path MTUs learned from the network.
    case pathMTUChanges
    /// Sends of several datagrams that the kernel split, and deliveries of several packets as one super-packet.
    case segmentedSends, mergedDeliveries
    /// Sends that the kernel could not split for want of checksum offload (EIO), after which that thread sends each
    /// datagram by itself.
    case segmentationRefusals
    /// Packets that the eBPF datapath took past the host's stack, of those sent and received.
    case bypassedSent, bypassedReceived
    /// Packets and datagrams that the eBPF datapath left to this one.
    case declinedSent, declinedReceived

    package var name: String { "\(self)" }
}
