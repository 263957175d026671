public import Addressing

/// Something in the node annotation file that cannot be used. The node's other fields, and other nodes, still count.
public struct NodeProblem: Hashable, Sendable, CustomStringConvertible {
    /// `metadata.name`, or the entry's position (`item 3`) where it has no name.
    public let node: String
    /// `warrens.io/subnets`, `metadata.name`.
    public let field: String
    /// What is wrong, with the value, and the remedy.
    public let message: String

    public init(node: String, field: String, message: String) {
        self.node = node
        self.field = field
        self.message = message
    }

    public var description: String { "node \(node): \(field): \(message)" }
}

/// One subnet that two nodes claim. The traffic goes to the winner; the loser must renumber itself.
public struct Conflict: Hashable, Sendable, CustomStringConvertible {
    /// The loser's subnet that meets one of the winner's.
    public let prefix: IPPrefix
    /// The name of the node with the better claim.
    public let winner: String
    /// The name of the other.
    public let loser: String

    public init(prefix: IPPrefix, winner: String, loser: String) {
        self.prefix = prefix
        self.winner = winner
        self.loser = loser
    }

    public var description: String {
        "\(prefix) is claimed by \(winner) and by \(loser); \(winner) has the better claim and gets the traffic"
    }
}
