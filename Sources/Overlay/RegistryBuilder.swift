import Addressing

/// Puts a registry together: tells this node from its peers and settles who holds what.
struct RegistryBuilder {
    let local: LocalNode?
    let settings: Settings
    let place: Peer.Place
    var problems: [NodeProblem]
    private var conflicts: [Conflict] = []
    private var lost: [Conflict] = []

    private var facts: UplinkFacts { place.facts }

    init(local: LocalNode?, settings: Settings, place: Peer.Place, problems: [NodeProblem]) {
        self.local = local
        self.settings = settings
        self.place = place
        self.problems = problems
    }

    mutating func build(_ entries: [NodeEntry]) -> Registry {
        let (selfEntry, others) = separate(entries)
        if let selfEntry { compare(selfEntry) }
        reportOwnAddresses(of: others)
        let peers = settle(others, selfEntry)
        return Registry(
            peers: peers, selfEntry: selfEntry, selfAbsence: selfEntry == nil ? absence(from: entries) : nil,
            problems: problems, conflicts: conflicts, lost: lost, place: place)
    }

    /// Self is the entry with our public key, else the one with our name, else the one that has both our machine's id
    /// and an address of this host: Kubernetes may call a node otherwise than its host. An equal id alone is a clash.
    private mutating func separate(_ entries: [NodeEntry]) -> (selfEntry: NodeEntry?, others: [NodeEntry]) {
        guard let local else { return (nil, entries) }
        let byKey = local.publicKey.flatMap { key in entries.firstIndex { $0.publicKey == key } }
        let byName = entries.firstIndex { $0.name == local.name }
        var others = entries
        if let byKey, let byName, byKey != byName {
            problems.append(
                NodeProblem(
                    node: local.name, field: "metadata.name",
                    message: "is this node's name, but \(entries[byKey].name) has its key; set nodeName in warrens.json"
                ))
            others.remove(at: byName)
        }
        guard let own = byKey ?? byName ?? indexByMachine(entries, local) else { return (nil, others) }
        others.removeAll { $0.name == entries[own].name }
        return (entries[own], others)
    }

    private mutating func indexByMachine(_ entries: [NodeEntry], _ local: LocalNode) -> Int? {
        // The file has the id of generation 0 for as long as nobody has annotated the one that came after it.
        let ids = [local.nodeID, NodeID(machineID: local.machineID)]
        let alike = entries.indices.filter { index in entries[index].nodeID.map(ids.contains) ?? false }
        let here = alike.filter { !facts.ownAddresses.isDisjoint(with: entries[$0].nodeAddresses) }
        if here.count == 1 { return here[0] }
        for index in here.isEmpty ? alike : here {
            let name = entries[index].name
            problems.append(
                NodeProblem(
                    node: name, field: "status.nodeInfo.machineID",
                    message: "looks like this node (\(local.name)); if it is, set nodeName to \"\(name)\" in "
                        + "warrens.json, else give one of the two machines another machine id"))
        }
        return nil
    }

    /// - Returns: Nil where nothing can be told: the file has no nodes, or one of our name that cannot be used.
    private func absence(from entries: [NodeEntry]) -> String? {
        guard let local, !entries.isEmpty, !problems.contains(where: { $0.node == local.name }) else { return nil }
        return
            "this node (\(local.name)) is not in the node file; write the file anew, or set nodeName in warrens.json "
            + "to this node's metadata.name"
    }

    /// What is sent to one of our own addresses never leaves this host.
    private mutating func reportOwnAddresses(of entries: [NodeEntry]) {
        guard local != nil, !facts.ownAddresses.isEmpty else { return }
        for entry in entries {
            for address in entry.nodeAddresses where facts.ownAddresses.contains(address) {
                problems.append(
                    NodeProblem(
                        node: entry.name,
                        field: entry.internalAddresses.contains(address) || entry.externalAddresses.contains(address)
                            ? "status.addresses" : "warrens.io/endpoints",
                        message: "\(address) is an address of this node itself; correct it, or set nodeName to "
                            + "\"\(entry.name)\" in warrens.json if that is this node"))
            }
        }
    }

    /// Where the file says something else of this node than this node does, the others send to the wrong subnet.
    private mutating func compare(_ entry: NodeEntry) {
        guard let local, !local.isDescribed(by: entry) else { return }
        let said = entry.subnets + entry.claim.draining
        let annotation = local.subnets.map(\.description).joined(separator: ",")
        problems.append(
            NodeProblem(
                node: entry.name, field: entry.announcesSubnets ? "warrens.io/subnets" : "status.nodeInfo.machineID",
                message: "gives \(said.map(\.description).joined(separator: ",")), but this node has \(annotation); "
                    + "annotate it with warrens.io/subnets=\(annotation)"))
    }

    private mutating func settle(_ entries: [NodeEntry], _ selfEntry: NodeEntry?) -> [Peer] {
        var contestants = entries.map(Contestant.init)
        if let local { contestants.append(Contestant(local, selfEntry)) }
        contestants.sort { ClaimContest.isBetter($0.claimant, $1.claimant) }
        var contest = ClaimContest(
            contestants.map(\.claimant),
            subnets: [contestants.lazy.flatMap(\.subnets), contestants.lazy.flatMap(\.draining)].joined(),
            routes: contestants.lazy.flatMap(\.routes))

        // What is refused is the exception, so only that is noted.
        var refusedSubnets: [Int: [IPPrefix]] = [:]
        var refusedRoutes: [Int: [IPPrefix]] = [:]
        for (index, contestant) in contestants.enumerated() {
            for subnet in contestant.subnets {
                guard let winner = contest.claim(subnet, by: index) else { continue }
                refusedSubnets[index, default: []].append(subnet)
                note(subnet, winner: contestants[winner], loser: contestant, isActive: true)
            }
        }
        for (index, contestant) in contestants.enumerated() {
            for subnet in contestant.draining where refusedSubnets[index]?.contains(subnet) != true {
                guard let winner = contest.claim(subnet, by: index) else { continue }
                refusedSubnets[index, default: []].append(subnet)
                note(subnet, winner: contestants[winner], loser: contestant, isActive: false)
            }
        }
        for (index, contestant) in contestants.enumerated() {
            for route in contestant.routes {
                guard let winner = contest.claimRoute(route, by: index) else { continue }
                refusedRoutes[index, default: []].append(route)
                note(route, winner: contestants[winner], loser: contestant, isActive: false)
            }
        }
        reportEndpoints(of: entries, in: contest)
        return contestants.enumerated().compactMap { index, contestant in
            contestant.entry.map { entry in
                Peer(
                    entry, subnets: contestant.held(without: refusedSubnets[index] ?? []),
                    routes: contestant.routes.without(refusedRoutes[index] ?? []), seenFrom: place)
            }
        }.sorted { $0.name < $1.name }
    }

    private mutating func note(_ prefix: IPPrefix, winner: Contestant, loser: Contestant, isActive: Bool) {
        let conflict = Conflict(prefix: prefix, winner: winner.claimant.name, loser: loser.claimant.name)
        conflicts.append(conflict)
        if isActive, loser.entry == nil { lost.append(conflict) }
    }

    private mutating func reportEndpoints(of entries: [NodeEntry], in contest: ClaimContest) {
        let blocks = settings.overlayPrefixes
        for entry in entries {
            var seen: [IPAddress] = []
            for case .address(let endpoint) in entry.endpoints(from: facts, port: settings.port) {
                let address = endpoint.address
                guard !seen.contains(address) else { continue }
                seen.append(address)
                let around = blocks.first { $0.contains(address) }
                guard let holder = contest.holder(of: address) ?? around.map({ "the overlay's \($0)" }) else {
                    continue
                }
                problems.append(
                    NodeProblem(
                        node: entry.name, field: entry.endpoints == nil ? "status.addresses" : "warrens.io/endpoints",
                        message: "\(address) lies inside a subnet or route of \(holder); "
                            + "announce an endpoint outside of the overlay"))
            }
        }
    }
}

/// One node in the contest for subnets; this node itself has no entry.
private struct Contestant {
    let entry: NodeEntry?
    let claimant: ClaimContest.Claimant
    let subnets: [IPPrefix]
    let draining: [IPPrefix]
    let routes: [IPPrefix]

    init(_ entry: NodeEntry) {
        self.entry = entry
        claimant = .init(name: entry.name, publicKey: entry.publicKey, since: entry.claim.since)
        subnets = entry.subnets
        draining = entry.claim.draining
        routes = entry.routes
    }

    /// Where the file has this node's present subnets, it is judged by the claim that the file has, too: by that all the
    /// others judge it. A date that it alone knows of would let two nodes believe that they have won.
    init(_ local: LocalNode, _ selfEntry: NodeEntry?) {
        entry = nil
        if let selfEntry, local.subnets.allSatisfy({ selfEntry.subnets.contains($0.prefix) }) {
            claimant = .init(
                name: selfEntry.name, publicKey: selfEntry.publicKey, since: selfEntry.claim.since)
        } else {
            claimant = .init(name: local.name, publicKey: local.publicKey, since: local.claim.since)
        }
        subnets = local.subnets.map(\.prefix)
        draining = local.draining.map(\.prefix)
        routes = selfEntry?.routes ?? []
    }

    /// Its subnets, those that are draining included, without some of them; each once.
    func held(without refused: [IPPrefix]) -> [IPPrefix] {
        let further = draining.filter { !subnets.contains($0) }
        return (further.isEmpty ? subnets : subnets + further).without(refused)
    }
}

extension [IPPrefix] {
    /// The array itself, where there is nothing to leave out.
    fileprivate func without(_ others: [IPPrefix]) -> [IPPrefix] {
        others.isEmpty ? self : filter { !others.contains($0) }
    }
}
