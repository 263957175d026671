import Addressing

/// A ``ForwardingPlan`` in the shape that packets are looked up in. Immutable; the datapath's threads read it without
/// locks or reference counting, and a change replaces it whole.
@safe
final class ForwardingTable: Sendable {
    /// One peer. The pointers lead into objects that the table retains.
    struct Peer: BitwiseCopyable {
        /// Where to send, where `hasEndpoint`.
        var endpoint: AddressKey
        var port: UInt16
        var hasEndpoint: Bool
        /// Whether received datagrams must bear one of `sources` as outer source.
        var checksSource: Bool
        /// Whether inner transport checksums may stay partial on the way, in both directions.
        var defersChecksums: Bool
        fileprivate var firstSource: Int32
        fileprivate var sourceCount: Int32
        unowned(unsafe) var state: PeerState
        unowned(unsafe) var path: PathState

        /// Which outer protocol carries the peer's packets.
        var endpointFamily: IPFamily { endpoint.isV4 ? .v4 : .v6 }
    }

    /// Each peer's own subnets, and the further routes behind it.
    let subnets: PrefixTable
    let routes: PrefixTable
    /// The nodes' own addresses, each as a prefix of full length.
    let nodeAddresses: PrefixTable
    /// Every known endpoint's address: its value is its index in `paths`.
    let endpoints: PrefixTable
    let ownSubnets: PrefixTable
    let ownRoutes: PrefixTable
    let tunnelV4: AddressKey?
    let tunnelV6: AddressKey?
    /// The ports of the endpoints, sorted by (index in `paths`, port): `portStarts` has where those of each path begin, and
    /// the end.
    private let ports: [UInt16]
    private let portStarts: [Int]

    private nonisolated(unsafe) let peers: UnsafeMutablePointer<Peer>
    private nonisolated(unsafe) let sources: UnsafeMutablePointer<AddressKey>
    let peerCount: Int
    private let states: [PeerState]
    private let paths: [PathState]
    private let names: [String]

    /// - Parameters:
    ///   - states, paths: What is already known about peers (by name) and outer addresses; kept where still in use.
    init(_ plan: ForwardingPlan, states: inout [String: PeerState], paths: inout [IPAddress: PathState]) {
        let knownPaths = Self.paths(of: plan, known: paths)
        let pathIndex = Dictionary(uniqueKeysWithValues: knownPaths.enumerated().map { ($1.address, $0) })
        let peerStates = plan.peers.map { [states] in states[$0.name] ?? PeerState() }
        let unreachable = PathState(routeMTU: 0)
        states = Dictionary(zip(plan.peers.map(\.name), peerStates), uniquingKeysWith: { first, _ in first })
        paths = Dictionary(uniqueKeysWithValues: knownPaths.map { ($0.address, $0.state) })

        var sourceList: [AddressKey] = []
        var records: [Peer] = []
        var subnetEntries: [(prefix: IPPrefix, value: Int32)] = []
        var routeEntries: [(prefix: IPPrefix, value: Int32)] = []
        var addressEntries: [(prefix: IPPrefix, value: Int32)] = []
        for (index, peer) in plan.peers.enumerated() {
            let value = Int32(index)
            subnetEntries += peer.subnets.map { ($0, value) }
            routeEntries += peer.routes.map { ($0, value) }
            addressEntries += peer.nodeAddresses.map { (IPPrefix(host: $0), value) }
            let outer = (peer.outerSources ?? []).map { AddressKey($0) }
            let path = peer.endpoint.flatMap { pathIndex[$0.address] }.map { knownPaths[$0].state } ?? unreachable
            records.append(
                Peer(
                    endpoint: peer.endpoint.map { AddressKey($0.address) } ?? AddressKey(high: 0, low: 0),
                    port: peer.endpoint?.port ?? 0, hasEndpoint: peer.endpoint != nil,
                    checksSource: peer.outerSources != nil, defersChecksums: peer.defersChecksums,
                    firstSource: Int32(sourceList.count), sourceCount: Int32(outer.count),
                    state: peerStates[index], path: path))
            sourceList += outer
        }
        subnets = PrefixTable(subnetEntries)
        routes = PrefixTable(routeEntries)
        nodeAddresses = PrefixTable(addressEntries)
        endpoints = PrefixTable(
            knownPaths.enumerated().map { (IPPrefix(host: $1.address), Int32($0)) })
        ownSubnets = PrefixTable(plan.ownSubnets.map { ($0, 0) })
        ownRoutes = PrefixTable(plan.ownRoutes.map { ($0, 0) })
        tunnelV4 = plan.tunnelAddresses.first { $0.family == .v4 }.map { AddressKey($0) }
        tunnelV6 = plan.tunnelAddresses.first { $0.family == .v6 }.map { AddressKey($0) }
        (ports, portStarts) = Self.ports(of: plan, knownPaths.map(\.address))

        // Sound: both blocks are filled here, never change, live as long as this object, and are indexed with what
        // the tables and records above hold. The objects that records point at are retained by the arrays below.
        unsafe peers = .allocate(capacity: max(records.count, 1))
        for (index, record) in records.enumerated() { unsafe (peers + index).initialize(to: record) }
        unsafe sources = .allocate(capacity: max(sourceList.count, 1))
        for (index, source) in sourceList.enumerated() { unsafe (sources + index).initialize(to: source) }
        peerCount = records.count
        self.states = peerStates
        self.paths = knownPaths.map(\.state) + [unreachable]
        names = plan.peers.map(\.name)
    }

    deinit {
        unsafe peers.deallocate()
        unsafe sources.deallocate()
    }

    /// The peer that `index`, an answer of one of the tables, stands for.
    @inline(__always)
    func peer(_ index: Int) -> Peer {
        precondition(index >= 0 && index < peerCount)
        return unsafe peers[index]
    }

    /// True where `outer` is an address that the peer sends from.
    @inline(__always)
    func accepts(_ outer: AddressKey, from peer: Peer) -> Bool {
        for index in 0..<Int(peer.sourceCount) where unsafe sources[Int(peer.firstSource) + index] == outer {
            return true
        }
        return false
    }

    /// What is known about the path to an endpoint's address, or nil where no peer has that endpoint.
    func path(to address: AddressKey) -> PathState? {
        let index = endpoints.find(address)
        return index < 0 ? nil : paths[index]
    }

    /// True where a peer's datagrams go to this address and port.
    @inline(__always)
    func isEndpoint(_ address: AddressKey, port: UInt16) -> Bool {
        let index = endpoints.find(address)
        guard index >= 0 else { return false }
        for position in portStarts[index]..<portStarts[index + 1] where ports[position] == port { return true }
        return false
    }

    private static func ports(of plan: ForwardingPlan, _ addresses: [IPAddress]) -> ([UInt16], starts: [Int]) {
        var byAddress: [IPAddress: Set<UInt16>] = [:]
        for endpoint in plan.peers.compactMap(\.endpoint) + plan.knownEndpoints {
            byAddress[endpoint.address, default: []].insert(endpoint.port)
        }
        var ports: [UInt16] = []
        var starts = [0]
        for address in addresses {
            ports += (byAddress[address] ?? []).sorted()
            starts.append(ports.count)
        }
        return (ports, starts)
    }

    func name(of peer: Int) -> String { names[peer] }

    private static func paths(
        of plan: ForwardingPlan, known: [IPAddress: PathState]
    ) -> [(address: IPAddress, state: PathState)] {
        var routeMTUs: [IPAddress: Int] = [:]
        for peer in plan.peers {
            if let endpoint = peer.endpoint { routeMTUs[endpoint.address] = peer.routeMTU }
        }
        var seen: Set<IPAddress> = []
        var result: [(address: IPAddress, state: PathState)] = []
        let addresses = plan.peers.compactMap { $0.endpoint?.address } + plan.knownEndpoints.map(\.address)
        for address in addresses where seen.insert(address).inserted {
            let mtu = routeMTUs[address] ?? 1500
            let state = known[address] ?? PathState(routeMTU: mtu)
            state.setRouteMTU(mtu)
            result.append((address, state))
        }
        return result
    }
}
