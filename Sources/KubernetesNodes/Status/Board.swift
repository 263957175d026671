internal import Host
internal import Overlay
internal import Synchronization

/// What the process knows about its work, for those who ask.
struct NodesReport: Sendable {
    var version = Release.version
    /// This node's name in the cluster.
    var node = ""
    /// The API server's URL; empty while none is known.
    var server = ""
    /// What the API server has of this node's claim; nil while it has none.
    var published: PublishedClaim?
    /// True where that is the claim in force, and nobody has a better one.
    var isConfirmed = false
    /// Why pods would lack addresses; nil where they do not.
    var shortage: String?
    /// True where the node file is there.
    var hasNodeFile = false
    var nodes = 0
    /// Nodes that are kept though the last list did not have them.
    var doubted = 0
    /// True while a watch is open.
    var isWatching = false
    /// When the API server last said anything, in seconds since 1970.
    var lastContact: Int64?
    /// What keeps this process from its work; nil while nothing does.
    var problem: String?
    var counts: [Count: Int] = [:]

    enum Count: String, CaseIterable {
        case lists, watches, events, patches, failures, fileWrites
    }

    /// Why pods cannot be attached by what this process does; nil where they can. The API server is not needed for that
    /// once it has the claim.
    var obstacle: String? {
        if !isConfirmed {
            if let shortage { return shortage }
            if let conflict = published?.conflict { return "another node has the better claim: \(conflict)" }
            return "this node's claim is not confirmed" + (problem.map { ": \($0)" } ?? " yet")
        }
        return hasNodeFile ? nil : "no node file is written" + (problem.map { ": \($0)" } ?? " yet")
    }
}

/// Where the work is reported, and the status thread looks.
final class Board: Sendable {
    private let report: Mutex<NodesReport>

    init(_ report: NodesReport) {
        self.report = Mutex(report)
    }

    var current: NodesReport { report.withLock { $0 } }

    func update(_ change: (inout NodesReport) -> Void) {
        report.withLock { change(&$0) }
    }

    func count(_ count: NodesReport.Count) {
        report.withLock { $0.counts[count, default: 0] += 1 }
    }
}
