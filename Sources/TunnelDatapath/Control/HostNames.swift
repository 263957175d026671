internal import Overlay

/// Which peers have host names among their endpoints: few, and only they are touched by what a name server says.
struct HostNames {
    private var byPeer: [String: Set<String>] = [:]

    /// The names that have to be resolved.
    var all: Set<String> { byPeer.values.reduce(into: []) { $0.formUnion($1) } }

    mutating func add(_ difference: RegistryDifference) {
        for peer in difference.removed { byPeer[peer.name] = nil }
        for peer in difference.added + difference.changed.map(\.new) {
            let names = Set(peer.hostNames)
            byPeer[peer.name] = names.isEmpty ? nil : names
        }
    }

    func isNeeded(for peer: Peer) -> Bool { byPeer[peer.name] != nil }
}
