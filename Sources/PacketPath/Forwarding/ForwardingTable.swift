import Addressing

/// A ``ForwardingPlan`` in the shape that packets are looked up in. Immutable; the datapath's threads read it without
/// locks or reference counting, and a change puts a successor in its place, which shares what has not changed.
///
/// The first four tables lead to the peers' numbers.
package final class ForwardingTable: Sendable {
    package typealias Peer = PeerReference

    /// Each peer's own subnets, and the further routes behind it.
    package let subnets: PrefixTable
    let routes: PrefixTable
    /// The nodes' own addresses: where they may send inner packets from.
    let nodeAddresses: OuterAddresses
    private let peers: PeerRecords
    let ownSubnets: PrefixTable
    let ownRoutes: PrefixTable
    let tunnelV4: AddressKey?
    let tunnelV6: AddressKey?
    /// In bytes: ``ForwardingPlan/Local/longestReceived``.
    let longestReceived: Int
    private let seed: UInt64

    /// What a successor differs in.
    struct Changes {
        /// Entries of one table that go and that come.
        struct Entries {
            var removed: [AddressMap.Entry] = []
            var added: [AddressMap.Entry] = []

            /// Takes note of what becomes of one peer's entries.
            mutating func replace(_ old: [AddressMap.Entry], by new: [AddressMap.Entry]) {
                removed += old.filter { !new.contains($0) }
                added += new.filter { !old.contains($0) }
            }
        }

        var subnets = Entries()
        var routes = Entries()
        var addresses = Entries()
        /// With retained objects, which the successor takes over.
        var peers: [(number: Int, record: PeerRecord)] = []
    }

    /// A table without peers.
    ///
    /// - Parameter seed: Of its hashes and of its successors': ``AddressMap/init(_:seed:)``.
    init(_ local: ForwardingPlan.Local, seed: UInt64) {
        self.seed = seed
        subnets = PrefixTable(seed: seed)
        routes = PrefixTable(seed: seed)
        nodeAddresses = OuterAddresses(seed: seed)
        peers = PeerRecords()
        ownSubnets = PrefixTable(own: local.subnets, seed: seed)
        ownRoutes = PrefixTable(own: local.routes, seed: seed)
        (tunnelV4, tunnelV6) = (local.tunnelAddress(.v4), local.tunnelAddress(.v6))
        longestReceived = local.longestReceived
    }

    init(succeeding former: ForwardingTable, with changes: Changes, _ local: ForwardingPlan.Local) {
        seed = former.seed
        subnets = former.subnets.successor(removing: changes.subnets.removed, adding: changes.subnets.added)
        routes = former.routes.successor(removing: changes.routes.removed, adding: changes.routes.added)
        nodeAddresses = former.nodeAddresses.successor(
            removing: changes.addresses.removed, adding: changes.addresses.added)
        peers = former.peers.successor(setting: changes.peers)
        ownSubnets = PrefixTable(own: local.subnets, seed: seed)
        ownRoutes = PrefixTable(own: local.routes, seed: seed)
        (tunnelV4, tunnelV6) = (local.tunnelAddress(.v4), local.tunnelAddress(.v6))
        longestReceived = local.longestReceived
    }

    /// The peer that `index`, an answer of one of the tables, stands for.
    @inline(__always)
    package func peer(_ index: Int) -> Peer { peers[index] }

    /// True where `outer` is an address that the peer sends from.
    @inline(__always)
    func accepts(_ outer: AddressKey, from peer: Peer) -> Bool { peer.sends(from: outer) }

    /// What is known about the path to an endpoint's address, or nil where no peer's datagrams go there.
    func path(to address: AddressKey) -> PathState? {
        let index = nodeAddresses.findInUse(address)
        return index < 0 ? nil : peer(index).path
    }

    /// True where a peer's datagrams go to this address and port.
    @inline(__always)
    func isEndpoint(_ address: AddressKey, port: UInt16) -> Bool { nodeAddresses.isEndpoint(address, port: port) }

    /// A record of no peer, to put in the place of one.
    func makeVacantPeer() -> PeerRecord { peers.makeVacant() }

    /// The path of a peer that has no endpoint.
    var noPath: PathState { peers.noPath }
}

extension PrefixTable {
    fileprivate init(own prefixes: [IPPrefix], seed: UInt64) { self.init(prefixes.map { ($0, 0) }, seed: seed) }
}

extension ForwardingPlan.Local {
    fileprivate func tunnelAddress(_ family: IPFamily) -> AddressKey? {
        tunnelAddresses.first { $0.family == family }.map { AddressKey($0) }
    }
}
