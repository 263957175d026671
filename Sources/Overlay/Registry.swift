/// The nodes that this node knows: an immutable snapshot, built anew whenever the annotation file changes.
public struct Registry: Hashable, Sendable {
    /// All nodes but this one, by name (in byte order).
    public let peers: [Peer]
    /// What the file says of this node itself, where it does.
    public let selfEntry: NodeEntry?
    /// Where the file has nodes and none of them is this one: that, in words, with the remedy.
    public let selfAbsence: String?
    /// Everything that a person should correct in the file.
    public let problems: [NodeProblem]
    /// Subnets and routes that two nodes claim.
    public let conflicts: [Conflict]
    /// The conflicts in which this node loses a subnet that it still takes addresses from: it must renumber itself.
    public let lost: [Conflict]
    let place: Peer.Place

    /// A registry without nodes.
    public static let empty = Registry(
        peers: [], selfEntry: nil, selfAbsence: nil, problems: [], conflicts: [], lost: [],
        place: Peer.Place(.unknown, port: 0))

    /// Builds the registry from a node annotation file.
    ///
    /// - Parameters:
    ///   - local: This node; nil to take every entry for another node.
    ///   - facts: What this node knows of its own network.
    ///   - former: The registry in whose place this one is to come, to share memory with it.
    public static func build(
        from file: NodeFile, local: LocalNode?, settings: Settings, facts: UplinkFacts, former: Registry = .empty
    ) -> Registry {
        let place = Peer.Place(facts, port: settings.port)
        var builder = RegistryBuilder(
            local: local, settings: settings, place: former.place == place ? former.place : place,
            problems: file.problems)
        return builder.build(file.entries)
    }

    /// What changed since an earlier registry.
    public func difference(from earlier: Registry) -> RegistryDifference {
        var (added, removed, changed) = ([Peer](), [Peer](), [RegistryDifference.Change]())
        var (old, new) = (earlier.peers[...], peers[...])
        // Both are in the order of names.
        while let peer = new.first ?? old.first {
            if let former = old.first, new.isEmpty || former.name < peer.name {
                removed.append(former)
                old.removeFirst()
            } else if let former = old.first, former.name == peer.name {
                if former != peer { changed.append(RegistryDifference.Change(old: former, new: peer)) }
                old.removeFirst()
                new.removeFirst()
            } else {
                added.append(peer)
                new.removeFirst()
            }
        }
        return RegistryDifference(
            added: added, removed: removed, changed: changed,
            newProblems: problems.filter(Set(problems).subtracting(earlier.problems).contains),
            newConflicts: conflicts.filter(Set(conflicts).subtracting(earlier.conflicts).contains))
    }
}

/// What must be done to get from one registry to another. Peers that are in neither list keep what they have.
public struct RegistryDifference: Hashable, Sendable {
    public struct Change: Hashable, Sendable {
        public let old: Peer
        public let new: Peer
    }

    public let added: [Peer]
    public let removed: [Peer]
    public let changed: [Change]
    /// What was not wrong in the earlier one.
    public let newProblems: [NodeProblem]
    public let newConflicts: [Conflict]

    /// True where the same peers have the same properties.
    public var keepsPeers: Bool { added.isEmpty && removed.isEmpty && changed.isEmpty }

    public var isEmpty: Bool { keepsPeers && newProblems.isEmpty && newConflicts.isEmpty }
}
