internal import JSON
internal import Overlay

/// What the daemon answers on its socket.
struct StatusAnswers: Sendable {
    let board: StatusBoard
    /// Makes the control thread read settings and node file again.
    let reload: @Sendable () -> Void

    func answer(_ request: HTTP.Request) -> HTTP.Response {
        switch (request.method, request.path) {
        case ("GET", "/healthz"), ("HEAD", "/healthz"):
            return HTTP.Response(status: 200, body: "ok\n")
        case ("POST", "/reload"):
            reload()
            return HTTP.Response(status: 200, body: "reloading\n")
        case ("GET", let path), ("HEAD", let path):
            guard let (report, totals) = board.report() else {
                return HTTP.Response(status: 503, body: "starting\n")
            }
            switch path {
            case "/status": return .json(report.json.serialized() + "\n")
            case "/peers": return .json(JSONValue.array(report.peers.map(\.json)).serialized() + "\n")
            case "/metrics":
                return HTTP.Response(
                    status: 200, type: "text/plain; version=0.0.4; charset=utf-8",
                    body: Metrics.text(report, totals: totals))
            default:
                return HTTP.Response(
                    status: 404, body: "there are GET /status, /peers, /metrics, /healthz and POST /reload\n")
            }
        default:
            return HTTP.Response(status: 405, body: "use GET, or POST for /reload\n")
        }
    }
}
