internal import Overlay

/// What the datapath has not been told of the registry yet: peers by name, each once.
struct PeerDifference {
    private(set) var removed: Set<String> = []
    private(set) var updated: [String: Peer] = [:]

    var count: Int { removed.count + updated.count }

    /// Takes in what has changed since.
    mutating func add(_ difference: RegistryDifference) {
        for peer in difference.removed {
            updated[peer.name] = nil
            removed.insert(peer.name)
        }
        for peer in difference.added { add(peer) }
        for change in difference.changed { add(change.new) }
    }

    mutating func add(_ peer: Peer) {
        removed.remove(peer.name)
        updated[peer.name] = peer
    }
}
