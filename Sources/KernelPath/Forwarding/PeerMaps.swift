internal import Addressing
internal import BPFShim
internal import Host
internal import PacketPath

/// The peers in the kernel's maps: a plan goes in whole, or as its differences.
///
/// A peer keeps its number as long as it is in the plan, and also from one `warrensd` to the next. New entries are made
/// before old ones go, and an old one goes only where it is still the peer's: so a subnet that changes hands has an owner
/// all the time, and a peer that does not change loses no packet.
struct PeerMaps {
    private struct Known {
        var number: UInt32
        var peer: ForwardingPlan.Peer
    }

    private let maps: DatapathMaps
    private let lengths: PeerEntries.SubnetLengths
    private var nodes: SharedKeys<warrens_address>
    private var endpoints: SharedKeys<warrens_endpoint>
    private var known: [String: Known] = [:]
    private var free: [UInt32] = []
    private var next: UInt32 = 0
    /// How many entries the maps have that are asked only if there are any.
    private(set) var oddSubnetCount = 0
    private(set) var routeCount = 0

    init(_ maps: DatapathMaps, _ lengths: PeerEntries.SubnetLengths) {
        self.maps = maps
        self.lengths = lengths
        nodes = SharedKeys(maps.nodes)
        endpoints = SharedKeys(maps.endpoints)
    }

    /// What a peer's record says beyond the plan.
    struct Ways {
        /// The uplink of that interface index; nil where the device is none.
        var uplink: (Int32) -> Surroundings.Uplink?
        /// What is known of the longest outer datagram to an address, in bytes.
        var learnedMTU: (IPAddress) -> Int?

        func record(of peer: ForwardingPlan.Peer) -> warrens_peer {
            guard let endpoint = peer.endpoint?.address else { return warrens_peer(peer, mtu: 0, nil) }
            let uplink = peer.nextHop.flatMap { self.uplink($0.interfaceIndex) }
            return warrens_peer(peer, mtu: min(peer.routeMTU, learnedMTU(endpoint) ?? .max), uplink)
        }
    }

    /// The number under which the maps know a peer.
    func number(of name: String) -> UInt32? { known[name]?.number }

    // MARK: The whole plan

    /// Makes the maps say what `peers` say, whatever they hold: of the last daemon, or after a failure.
    mutating func reconcile(_ peers: [ForwardingPlan.Peer], _ ways: Ways) throws(SystemError) {
        try number(peers)
        var subnets: [Bytes<warrens_address>: UInt32] = [:]
        var oddSubnets: [Bytes<warrens_prefix>: UInt32] = [:]
        var routes: [Bytes<warrens_prefix>: UInt32] = [:]
        var sources: [Bytes<warrens_source>: UInt8] = [:]
        var records: [Bytes<UInt32>: warrens_peer] = [:]
        var nodes: [(key: warrens_address, number: UInt32)] = []
        var endpoints: [(key: warrens_endpoint, number: UInt32)] = []
        (oddSubnetCount, routeCount) = (0, 0)
        for (number, peer) in known.values.map({ ($0.number, $0.peer) }) {
            let entries = PeerEntries(peer, number: number, lengths)
            for key in entries.subnets { subnets[Bytes(key)] = number }
            for key in entries.oddSubnets { oddSubnets[Bytes(key)] = number }
            for key in entries.routes { routes[Bytes(key)] = number }
            for key in entries.sources { sources[Bytes(key)] = 1 }
            nodes += entries.nodes.map { ($0, number) }
            endpoints += entries.endpoints.map { ($0, number) }
            oddSubnetCount += entries.oddSubnets.count
            routeCount += entries.routes.count
            records[Bytes(number)] = ways.record(of: peer)
        }
        try addTraffic(known.values.map(\.number))
        // What leads to records comes after them, and goes before them.
        let present = try maps.peers.entries().map(\.key)
        try maps.peers.set(records.map { (key: $0.key.value, value: $0.value) })
        try maps.sources.replace(sources)
        try maps.subnets.replace(subnets)
        try maps.oddSubnets.replace(oddSubnets)
        try maps.routes.replace(routes)
        try self.nodes.replace(nodes)
        try self.endpoints.replace(endpoints)
        let gone = present.filter { records[Bytes($0)] == nil }
        try maps.peers.remove(gone)
        try maps.traffic.remove(gone)
    }

    /// Gives each peer a number, where the maps know its first subnet that one.
    private mutating func number(_ peers: [ForwardingPlan.Peer]) throws(SystemError) {
        var former: [Bytes<warrens_address>: UInt32] = [:]
        try maps.subnets.forEach { former[Bytes($0)] = $1 }
        var taken: Set<UInt32> = []
        var fresh: [String: Known] = [:]
        var without: [ForwardingPlan.Peer] = []
        for peer in peers {
            let subnet = peer.subnets.first(where: lengths.isUsual).map { Bytes(warrens_address($0.first)) }
            if let number = known[peer.name]?.number ?? subnet.flatMap({ former[$0] }), taken.insert(number).inserted {
                fresh[peer.name] = Known(number: number, peer: peer)
            } else {
                without.append(peer)
            }
        }
        next = taken.max().map { $0 + 1 } ?? 0
        free = (0..<next).reversed().filter { !taken.contains($0) }
        for peer in without { fresh[peer.name] = Known(number: takeNumber(), peer: peer) }
        known = fresh
    }

    private mutating func takeNumber() -> UInt32 {
        if let number = free.popLast() { return number }
        next += 1
        return next - 1
    }

    private func addTraffic(_ numbers: [UInt32]) throws(SystemError) {
        let present = Set(try maps.traffic.entries().map(\.key))
        try maps.traffic.set(numbers.filter { !present.contains($0) }.map { (key: $0, value: warrens_traffic()) })
    }

    // MARK: Differences

    mutating func apply(_ change: ForwardingChange, _ ways: Ways) throws(SystemError) {
        for peer in change.updated where known[peer.name]?.peer != peer { try update(peer, ways) }
        for name in change.removed { try remove(name) }
    }

    private mutating func update(_ peer: ForwardingPlan.Peer, _ ways: Ways) throws(SystemError) {
        let old = known[peer.name]
        let number = old?.number ?? takeNumber()
        known[peer.name] = Known(number: number, peer: peer)
        if old == nil { try maps.traffic.set(warrens_traffic(), for: number) }
        try maps.peers.set(ways.record(of: peer), for: number)
        let entries = PeerEntries(peer, number: number, lengths)
        try add(entries, number)
        if let old { try remove(PeerEntries(old.peer, number: number, lengths), but: entries, number) }
    }

    private mutating func remove(_ name: String) throws(SystemError) {
        guard let old = known.removeValue(forKey: name) else { return }
        try remove(PeerEntries(old.peer, number: old.number, lengths), but: nil, old.number)
        try maps.peers.remove(old.number)
        try maps.traffic.remove(old.number)
        free.append(old.number)
    }

    private mutating func add(_ entries: PeerEntries, _ number: UInt32) throws(SystemError) {
        for key in entries.sources { try maps.sources.set(1, for: key) }
        for key in entries.subnets { try maps.subnets.set(number, for: key) }
        for key in entries.oddSubnets { try maps.oddSubnets.set(number, for: key) }
        for key in entries.routes { try maps.routes.set(number, for: key) }
        for key in entries.nodes { try nodes.add(key, number) }
        for key in entries.endpoints { try endpoints.add(key, number) }
        oddSubnetCount += entries.oddSubnets.count
        routeCount += entries.routes.count
    }

    private mutating func remove(_ old: PeerEntries, but kept: PeerEntries?, _ number: UInt32) throws(SystemError) {
        for key in surplus(old.subnets, kept?.subnets) where try maps.subnets.value(for: key) == number {
            try maps.subnets.remove(key)
        }
        for key in surplus(old.oddSubnets, kept?.oddSubnets) where try maps.oddSubnets.value(for: key) == number {
            try maps.oddSubnets.remove(key)
        }
        for key in surplus(old.routes, kept?.routes) where try maps.routes.value(for: key) == number {
            try maps.routes.remove(key)
        }
        for key in surplus(old.nodes, kept?.nodes) { try nodes.remove(key, number) }
        for key in surplus(old.endpoints, kept?.endpoints) { try endpoints.remove(key, number) }
        for key in surplus(old.sources, kept?.sources) { try maps.sources.remove(key) }
        oddSubnetCount -= old.oddSubnets.count
        routeCount -= old.routes.count
    }

    private func surplus<Key: BitwiseCopyable & Sendable>(_ old: [Key], _ kept: [Key]?) -> [Key] {
        guard let kept, !old.isEmpty else { return old }
        let stay = Set(kept.map(Bytes.init))
        return old.filter { !stay.contains(Bytes($0)) }
    }

    // MARK: Ways

    /// Writes the records anew where what is known of the ways has changed.
    mutating func refresh(_ ways: Ways) throws(SystemError) {
        for entry in known.values where entry.peer.endpoint != nil {
            let record = ways.record(of: entry.peer)
            guard let present = try maps.peers.value(for: entry.number), Bytes(present) == Bytes(record) else {
                try maps.peers.set(record, for: entry.number)
                continue
            }
        }
    }
}
