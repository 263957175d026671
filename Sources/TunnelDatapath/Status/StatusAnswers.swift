internal import JSON
internal import Overlay
internal import PacketPath
internal import Service

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
            guard let (reporter, uptime) = board.current() else {
                return HTTP.Response(status: 503, body: "starting\n")
            }
            switch path {
            case "/status": return .json(status(reporter.report(uptime: uptime).report, peers(reporter)))
            case "/features": return HTTP.Response(status: 200, body: reporter.features.joined(separator: ",") + "\n")
            case "/peers": return .json(peers(reporter) + "\n")
            case "/trace": return trace(request.query, reporter)
            case "/metrics": return metrics(request.query, reporter)
            default:
                return HTTP.Response(
                    status: 404,
                    body: "there are GET /status, /peers, /features, /trace, /metrics, /healthz and POST /reload\n")
            }
        default:
            return HTTP.Response(status: 405, body: "use GET, or POST for /reload\n")
        }
    }

    /// The report with the peers in their place. They are written one by one: as a tree of values, a hundred thousand
    /// would take some hundred megabytes.
    private func status(_ report: StatusReport, _ peers: String) -> String {
        var members = report.json.objectValue ?? JSONObject()
        members["peers"] = nil
        return JSONValue.object(members).serialized().dropLast() + ",\"peers\":" + peers + "}\n"
    }

    private func trace(_ query: String, _ reporter: StatusReporter) -> HTTP.Response {
        do throws(OverlayError) {
            return .json(reporter.datapath.trace(try TrialPacket(query: query)).json.serialized() + "\n")
        } catch {
            return HTTP.Response(status: 400, body: "\(error)\n")
        }
    }

    private func metrics(_ query: String, _ reporter: StatusReporter) -> HTTP.Response {
        do throws(OverlayError) {
            let text = Metrics.text(reporter, try MetricsRequest(query: query))
            return HTTP.Response(status: 200, type: MetricsText.contentType, body: text)
        } catch {
            return HTTP.Response(status: 400, body: "\(error)\n")
        }
    }

    private func peers(_ reporter: StatusReporter) -> String {
        var text = "["
        reporter.forEachPeer { peer in
            if text.utf8.count > 1 { text += "," }
            text += peer.json.serialized()
        }
        return text + "]"
    }
}
