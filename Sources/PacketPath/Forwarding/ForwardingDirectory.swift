internal import Addressing

/// The plan in force by the peers' names, from which the tables that packets see are made. Belongs to the control side.
///
/// A peer keeps its number in the tables for as long as it exists, and with it its counters.
package struct ForwardingDirectory {
    private typealias Peer = ForwardingPlan.Peer

    /// The table in force. Whoever keeps one stays able to use it.
    package private(set) var table: ForwardingTable
    private var local: ForwardingPlan.Local
    /// By number; nil where no peer has it.
    private var peers: [ForwardingPlan.Peer?] = []
    /// The numbers in the order of their peers' names.
    private var order: [Int32] = []
    private var free: [Int32] = []
    /// Above this, going through all names beats finding the place of each.
    private static let few = 16

    /// - Parameter seed: Of the tables' hashes. Nobody outside may be able to guess it, so only who measures gives one.
    package init(_ plan: ForwardingPlan, seed: UInt64 = .random(in: 0 ... .max)) {
        local = plan.local
        table = ForwardingTable(plan.local, seed: seed)
        apply(ForwardingChange(local: plan.local, updated: plan.peers))
    }

    /// What the plan says of a peer; nil where it knows none of that name.
    func peer(named name: String) -> ForwardingPlan.Peer? { number(of: name).flatMap { peers[$0] } }

    func peer(numbered number: Int) -> ForwardingPlan.Peer? { number < peers.count ? peers[number] : nil }

    /// What is counted for a peer; nil where there is none of that name.
    func state(of name: String) -> PeerState? { number(of: name).map { table.peer($0).state } }

    /// A peer that has something to do with an address outside of the overlay.
    func name(at address: AddressKey) -> String? {
        let number = table.nodeAddresses.findAny(address)
        return number < 0 ? nil : peers[number]?.name
    }

    /// What the network has reported of the ways to the peers' endpoints, in bytes.
    ///
    /// - Parameter now: Seconds of the monotonic clock.
    func learnedMTUs(now: Int64) -> [IPAddress: Int] {
        var learned: [IPAddress: Int] = [:]
        for (number, peer) in peers.enumerated() {
            guard let address = peer?.endpoint?.address, let routeMTU = peer?.routeMTU else { continue }
            let mtu = table.peer(number).mtu(now: now)
            if mtu < routeMTU { learned[address] = mtu }
        }
        return learned
    }

    /// Replaces the plan.
    ///
    /// - Returns: True where ``table`` is a new one.
    @discardableResult
    package mutating func replace(_ plan: ForwardingPlan) -> Bool {
        let kept = Set(plan.peers.map(\.name))
        let removed = peers.compactMap { $0?.name }.filter { !kept.contains($0) }
        return apply(ForwardingChange(local: plan.local, removed: removed, updated: plan.peers))
    }

    /// Changes the plan. What is not named in the change costs next to nothing, however much it is.
    ///
    /// - Returns: True where ``table`` is a new one.
    @discardableResult
    package mutating func apply(_ change: ForwardingChange) -> Bool {
        var changes = ForwardingTable.Changes()
        let freed = remove(change.removed, &changes)
        let updated = change.updated.map { (peer: $0, number: number(of: $0.name)) }.filter { update in
            update.number.map { peers[$0] != update.peer } ?? true
        }
        var paths: [AddressKey: PathState] = [:]
        var added: [Int32] = []
        for (peer, known) in updated {
            let number = known ?? free.popLast().map(Int.init) ?? peers.count
            if number == peers.count { peers.append(nil) }
            if known == nil { added.append(Int32(truncatingIfNeeded: number)) }
            note(peers[number], peer, number, &changes)
            changes.peers.append((number, record(of: peer, known, &paths)))
            peers[number] = peer
        }
        insert(added)
        // Not before: two records for one number in one change would be one too many.
        free += freed
        guard !changes.peers.isEmpty || change.local != local else { return false }
        local = change.local
        table = ForwardingTable(succeeding: table, with: changes, local)
        return true
    }

    /// - Returns: The numbers that have become free.
    private mutating func remove(_ names: [String], _ changes: inout ForwardingTable.Changes) -> [Int32] {
        var freed: [Int32] = []
        for name in names {
            guard let number = number(of: name) else { continue }
            note(peers[number], nil, number, &changes)
            changes.peers.append((number, table.makeVacantPeer()))
            freed.append(Int32(truncatingIfNeeded: number))
        }
        if freed.count > Self.few {
            let gone = Set(freed)
            order.removeAll(where: gone.contains)
        } else {
            for name in names where number(of: name) != nil { order.remove(at: position(of: name)) }
        }
        for number in freed { peers[Int(number)] = nil }
        return freed
    }

    private func note(_ old: Peer?, _ new: Peer?, _ number: Int, _ changes: inout ForwardingTable.Changes) {
        let value = Int32(truncatingIfNeeded: number)
        let prefixes = { (list: [IPPrefix]?) in (list ?? []).map { PrefixTable.entry($0, value) } }
        let addresses = { (peer: Peer?) in peer.map { OuterAddresses.entries($0, value) } ?? [] }
        changes.subnets.replace(prefixes(old?.subnets), by: prefixes(new?.subnets))
        changes.routes.replace(prefixes(old?.routes), by: prefixes(new?.routes))
        changes.addresses.replace(addresses(old), by: addresses(new))
    }

    private func record(of peer: Peer, _ number: Int?, _ paths: inout [AddressKey: PathState]) -> PeerRecord {
        let state = number.map { table.peer($0).state } ?? PeerState()
        let sources = (peer.outerSources ?? []).filter { $0 != peer.endpoint?.address }.map { AddressKey($0) }
        var record = PeerRecord(
            retaining: state, path(of: peer, &paths), furtherSources: sources.isEmpty ? .none : AddressList(sources))
        record.checksSource = peer.outerSources != nil
        record.defersChecksums = peer.defersChecksums
        if let endpoint = peer.endpoint {
            record.hasEndpoint = true
            record.endpoint = AddressKey(endpoint.address)
            record.port = endpoint.port
        }
        return record
    }

    /// Peers behind one address share what is known of the path to it.
    private func path(of peer: Peer, _ fresh: inout [AddressKey: PathState]) -> PathState {
        guard let endpoint = peer.endpoint else { return table.noPath }
        let address = AddressKey(endpoint.address)
        let path = fresh[address] ?? table.path(to: address) ?? PathState(routeMTU: peer.routeMTU)
        path.setRouteMTU(peer.routeMTU)
        fresh[address] = path
        return path
    }

    // MARK: Names

    private func number(of name: String) -> Int? {
        let position = position(of: name)
        guard position < order.count, peers[Int(order[position])]?.name == name else { return nil }
        return Int(order[position])
    }

    /// Where the name stands in ``order``, or would stand.
    private func position(of name: String) -> Int {
        var (low, high) = (0, order.count)
        while low < high {
            let middle = (low + high) / 2
            if isBefore(order[middle], name) { low = middle + 1 } else { high = middle }
        }
        return low
    }

    private func isBefore(_ number: Int32, _ name: String) -> Bool { peers[Int(number)].map { $0.name < name } ?? true }

    private mutating func insert(_ added: [Int32]) {
        guard added.count > Self.few else {
            for number in added {
                guard let name = peers[Int(number)]?.name else { continue }
                order.insert(number, at: position(of: name))
            }
            return
        }
        var sorted = order + added
        sorted.sort { left, right in peers[Int(right)].map { isBefore(left, $0.name) } ?? false }
        order = sorted
    }
}
