internal import Addressing
internal import Host
internal import JSON
internal import Overlay
internal import Service

/// What `warrens-nodes` answers on its socket and port.
struct Answers: Sendable {
    let board: Board
    let daemon: DaemonClient

    func answer(_ request: HTTP.Request) -> HTTP.Response {
        guard request.method == "GET" || request.method == "HEAD" else {
            return HTTP.Response(status: 405, body: "use GET\n")
        }
        switch request.path {
        case "/healthz": return HTTP.Response(status: 200, body: "ok\n")
        case "/readyz":
            if let obstacle = board.current.obstacle { return HTTP.Response(status: 503, body: obstacle + "\n") }
            return HTTP.Response(status: 200, body: "ok\n")
        case "/status": return .json(status(board.current).serialized() + "\n")
        case "/metrics":
            return HTTP.Response(
                status: 200, type: MetricsText.contentType,
                body: NodesMetrics.text(board.current) + daemonMetrics)
        default: return HTTP.Response(status: 404, body: "there are GET /healthz, /readyz, /metrics and /status\n")
        }
    }

    /// One scrape tells of both processes; where `warrensd` does not answer, of one.
    private var daemonMetrics: String {
        (try? daemon.get("/metrics")).map { String(decoding: $0, as: UTF8.self) } ?? ""
    }

    private func status(_ report: NodesReport) -> JSONValue {
        let text = { (text: String?) in text.map { JSONValue.string($0) } ?? .null }
        return [
            "version": .string(report.version),
            "node": .string(report.node),
            "server": .string(report.server),
            "isReady": .bool(report.obstacle == nil),
            "obstacle": text(report.obstacle),
            "isWatching": .bool(report.isWatching),
            "lastContact": text(report.lastContact.map { Timestamp(seconds: $0).description }),
            "problem": text(report.problem),
            "nodes": .number(report.nodes),
            "doubted": .number(report.doubted),
            "publishedNodeID": text(report.published?.nodeID.description),
            "publishedSubnets": .array(report.published?.subnets.map { .string($0.description) } ?? []),
            "conflict": text(report.published?.conflict),
        ]
    }
}
