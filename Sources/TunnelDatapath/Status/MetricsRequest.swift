internal import Overlay

/// What a request for the metrics asks for: `peers=all&process=none`.
struct MetricsRequest: Equatable {
    enum Peers: String, CaseIterable {
        /// Series of each peer, unless there are more than ``usualPeers``.
        case usual
        case all
        case none
    }

    enum Process: String, CaseIterable {
        case own
        /// None that another program on the same page, as a node exporter, has for itself.
        case none
    }

    /// Series of each peer cost every node's monitoring memory for all other nodes: the square of the cluster's size.
    static let usualPeers = 1000

    var peers = Peers.usual
    var process = Process.own

    /// - Throws: The field that is unknown, or whose value is.
    init(query: String) throws(OverlayError) {
        for field in query.split(separator: "&") {
            let parts = field.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            let value = parts.count > 1 ? parts[1] : ""
            switch parts[0] {
            case "peers": peers = try Self.read("peers", value)
            case "process": process = try Self.read("process", value)
            default:
                throw OverlayError(
                    source: "the request", key: parts[0], problem: "not known", remedy: "use peers or process")
            }
        }
    }

    private static func read<Choice: CaseIterable & RawRepresentable<String>>(
        _ key: String, _ value: String
    ) throws(OverlayError) -> Choice {
        if let choice = Choice(rawValue: value) { return choice }
        throw OverlayError(
            source: "the request", key: key, problem: "\"\(value)\" is not known",
            remedy: "use \(Choice.allCases.map(\.rawValue).joined(separator: " or "))")
    }

    func showsPeers(_ count: Int) -> Bool { peers == .all || peers == .usual && count <= Self.usualPeers }
}
