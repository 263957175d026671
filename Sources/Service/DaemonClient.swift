internal import Glibc
public import Host
internal import JSON
public import Overlay

/// Why `warrensd` gave no answer.
public struct DaemonError: Error, CustomStringConvertible {
    public enum Cause: Sendable {
        /// No process listens at all.
        case down
        /// We may not ask.
        case forbidden
        /// It answers badly, or not in time.
        case broken
    }

    public let cause: Cause
    public let description: String

    public var remedy: String {
        switch cause {
        case .down: "start a pod, which starts it, or `systemctl start warrensd` where systemd runs it"
        case .forbidden: "run warrensctl as root"
        case .broken: "see its log, then end it"
        }
    }
}

/// Asks this node's `warrensd` over its Unix socket, by HTTP/1.0.
public struct DaemonClient: Sendable {
    private static let timeout = 5
    private static let answerLimit = 1 << 28
    public let path: String

    public init(_ paths: NodePaths) {
        path = paths.socket
    }

    /// The daemon's report about itself.
    public func status() throws -> StatusReport {
        try StatusReport(json: try JSONValue(parsing: get("/status")))
    }

    /// What the daemon would do with a packet that the host routes into the tunnel.
    public func trace(_ packet: TrialPacket) throws(DaemonError) -> TraceReport {
        let answer = try get("/trace?\(packet.query)")
        do {
            return try TraceReport(json: try JSONValue(parsing: answer))
        } catch {
            throw DaemonError(cause: .broken, description: "warrensd's answer cannot be read: \(error)")
        }
    }

    /// What the daemon's node can do that others act on (`warrens.io/features`).
    public func features() throws(DaemonError) -> Set<String> {
        let text = String(decoding: try get("/features"), as: UTF8.self)
        return Set(text.split { $0 == "," || $0 == "\n" }.map(String.init))
    }

    /// The body of the answer to a GET request.
    public func get(_ resource: String) throws(DaemonError) -> [UInt8] {
        let answer: [UInt8]
        do throws(SystemError) {
            let stream = try UnixStream.connect(to: path, timeout: Self.timeout)
            try stream.writeAll(Array("GET \(resource) HTTP/1.0\r\n\r\n".utf8), subject: path)
            answer = try stream.readAll(limit: Self.answerLimit, subject: path)
        } catch {
            throw Self.failure(error)
        }
        return try Self.body(of: answer)
    }

    private static func failure(_ error: SystemError) -> DaemonError {
        switch error.code {
        case ENOENT, ENOTDIR, ECONNREFUSED:
            DaemonError(cause: .down, description: "warrensd does not run (\(error))")
        case EACCES, EPERM:
            DaemonError(cause: .forbidden, description: "only root may ask warrensd (\(error))")
        default:
            DaemonError(cause: .broken, description: "warrensd does not answer: \(error)")
        }
    }

    static func body(of answer: [UInt8]) throws(DaemonError) -> [UInt8] {
        let separator = Array("\r\n\r\n".utf8)
        guard let gap = answer.firstRange(of: separator) else {
            throw DaemonError(cause: .broken, description: "warrensd's answer is not HTTP")
        }
        let statusLine = String(decoding: answer.prefix { $0 != 0x0d }, as: UTF8.self)
        let body = Array(answer[gap.upperBound...])
        let words = statusLine.split(separator: " ", maxSplits: 2)
        guard words.count >= 2, words[0].hasPrefix("HTTP/"), words[1] == "200" else {
            let reason = String(decoding: body.prefix(500), as: UTF8.self).split(separator: "\n").first ?? ""
            throw DaemonError(cause: .broken, description: "warrensd answers \"\(statusLine)\": \(reason)")
        }
        return body
    }
}
