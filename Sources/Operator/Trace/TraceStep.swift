import JSON

/// One thing that happens to a packet on its way, or would not.
struct TraceStep: Hashable {
    /// Where: `pod`, `route`, `peer`.
    let place: String
    /// What happens there and why, for people to read.
    let text: String

    var json: JSONValue { ["where": .string(place), "what": .string(text)] }
}

/// What becomes of a packet in the end, as far as this node can tell.
struct TraceOutcome: Hashable {
    enum Kind: String {
        /// It leaves for another node.
        case sent
        /// It stays on this node: another pod's, or the host's own.
        case delivered
        /// It leaves this node without the tunnel.
        case leaves
        /// It is dropped, and its sender told.
        case refused
        case dropped
        /// The pod's own kernel does not send it.
        case unsent
        /// Somebody who had to be asked did not answer.
        case unknown
    }

    let kind: Kind
    let text: String
    /// The counter in `warrensctl status` that tells of it.
    var counter: String?

    var isOnItsWay: Bool { [.sent, .delivered, .leaves].contains(kind) }

    var json: JSONValue {
        ["kind": .string(kind.rawValue), "text": .string(text), "counter": Output.optional(counter)]
    }
}
