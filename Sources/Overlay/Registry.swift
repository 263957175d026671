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

    /// A registry without nodes.
    public static let empty = Registry(
        peers: [], selfEntry: nil, selfAbsence: nil, problems: [], conflicts: [], lost: [])

    /// Builds the registry from a node annotation file.
    ///
    /// - Parameters:
    ///   - local: This node; nil to take every entry for another node.
    ///   - facts: What this node knows of its own network.
    public static func build(
        from file: NodeFile, local: LocalNode?, settings: Settings, facts: UplinkFacts
    ) -> Registry {
        var builder = RegistryBuilder(local: local, settings: settings, facts: facts, problems: file.problems)
        return builder.build(file.entries)
    }

    /// What changed since an earlier registry.
    public func difference(from earlier: Registry) -> RegistryDifference {
        let before = Dictionary(earlier.peers.map { ($0.name, $0) }) { first, _ in first }
        let now = Set(peers.map(\.name))
        return RegistryDifference(
            added: peers.filter { before[$0.name] == nil },
            removed: earlier.peers.filter { !now.contains($0.name) },
            changed: peers.compactMap { peer in
                guard let old = before[peer.name], old != peer else { return nil }
                return RegistryDifference.Change(old: old, new: peer)
            },
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
