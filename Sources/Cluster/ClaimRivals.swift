internal import Addressing
public import Overlay

/// Finds out whether another node has a better claim to this node's subnets, among ten thousand that mostly have not.
public struct ClaimRivals: Sendable {
    private let local: LocalNode
    private let settings: Settings
    /// The nodes that claim one of our addresses, by name.
    private var rivals: Set<String> = []

    /// - Parameter local: This node, under the name that it has in the cluster.
    public init(_ local: LocalNode, settings: Settings) {
        self.local = local
        self.settings = settings
    }

    /// Takes a node's present state.
    ///
    /// - Returns: True where the contest may have another outcome now.
    public mutating func see(_ node: NodeDescription) -> Bool {
        guard let name = node.name, name != local.name else { return !rivals.isEmpty }
        let claims = node.entry(settings: settings).map { $0.subnets + $0.claim.draining } ?? []
        let meets = claims.contains { claim in local.subnets.contains { $0.prefix.overlaps(claim) } }
        if meets { return rivals.insert(name).inserted || meets }
        return rivals.remove(name) != nil
    }

    public mutating func forget(_ name: String) -> Bool { rivals.remove(name) != nil }

    /// What this node loses, by the same rules that `warrensd` judges by.
    ///
    /// - Returns: Nil where it holds all of its subnets.
    public func lost(among nodes: KnownNodes) throws(OverlayError) -> Conflict? {
        guard !rivals.isEmpty else { return nil }
        var content: [UInt8] = []
        nodes.write { (piece: [UInt8]) in content += piece }
        let file = try NodeFile.parse(content, source: "the API server", settings: settings)
        return Registry.build(from: file, local: local, settings: settings, facts: .unknown).lost.first
    }
}
