internal import Logging
internal import Overlay

/// Tells the log what a new registry changes and what is wrong in it.
struct RegistryLog {
    /// A cluster of thousands that appears at once is one line, not thousands.
    private static let limit = 20

    private let log: Logger

    init(_ log: Logger) {
        self.log = log
    }

    func tell(_ difference: RegistryDifference, _ registry: Registry) {
        if !difference.keepsPeers {
            log.notice(
                "registry changed",
                metadata: [
                    "peers": "\(registry.peers.count)", "added": "\(names(difference.added))",
                    "removed": "\(names(difference.removed))", "changed": "\(names(difference.changed.map(\.new)))",
                ])
        }
        tell(difference.newProblems, difference.newConflicts)
    }

    func tell(_ problems: [NodeProblem], _ conflicts: [Conflict] = []) {
        for problem in problems.prefix(Self.limit) {
            log.warning(
                "node entry has a problem",
                metadata: ["node": "\(problem.node)", "field": "\(problem.field)", "problem": "\(problem.message)"])
        }
        for conflict in conflicts.prefix(Self.limit) {
            log.warning("two nodes claim one prefix", metadata: ["conflict": "\(conflict)"])
        }
    }

    private func names(_ peers: [Peer]) -> String {
        let shown = peers.prefix(Self.limit).map(\.name).joined(separator: ",")
        return peers.count > Self.limit ? "\(shown),… (\(peers.count))" : shown
    }
}
