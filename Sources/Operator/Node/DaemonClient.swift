import Host
import JSON
import Overlay

/// Why `warrensd` gave no answer.
struct DaemonError: Error, CustomStringConvertible {
    /// True where no process listens at all.
    let isDown: Bool
    let description: String
}

/// Asks this node's `warrensd` over its Unix socket, by HTTP/1.0.
struct DaemonClient {
    private static let timeout = 5
    private static let answerLimit = 1 << 28
    let path: String

    init(_ paths: NodePaths) {
        path = paths.socket
    }

    /// The daemon's report about itself.
    func status() throws -> StatusReport {
        try StatusReport(json: try JSONValue(parsing: get("/status")))
    }

    /// The body of the answer to a GET request.
    func get(_ resource: String) throws(DaemonError) -> [UInt8] {
        let answer: [UInt8]
        do throws(SystemError) {
            let stream = try UnixStream.connect(to: path, timeout: Self.timeout)
            try stream.writeAll(Array("GET \(resource) HTTP/1.0\r\n\r\n".utf8), subject: path)
            answer = try stream.readAll(limit: Self.answerLimit, subject: path)
        } catch {
            let isDown = error.operation == "connect"
            throw DaemonError(
                isDown: isDown,
                description: isDown ? "warrensd does not run (\(error))" : "warrensd does not answer: \(error)")
        }
        return try Self.body(of: answer)
    }

    static func body(of answer: [UInt8]) throws(DaemonError) -> [UInt8] {
        let separator = Array("\r\n\r\n".utf8)
        guard let gap = answer.firstRange(of: separator) else {
            throw DaemonError(isDown: false, description: "warrensd's answer is not HTTP")
        }
        let statusLine = String(decoding: answer.prefix { $0 != 0x0d }, as: UTF8.self)
        let body = Array(answer[gap.upperBound...])
        let words = statusLine.split(separator: " ", maxSplits: 2)
        guard words.count >= 2, words[0].hasPrefix("HTTP/"), words[1] == "200" else {
            let reason = String(decoding: body.prefix(500), as: UTF8.self).split(separator: "\n").first ?? ""
            throw DaemonError(isDown: false, description: "warrensd answers \"\(statusLine)\": \(reason)")
        }
        return body
    }
}
