/// As much of HTTP/1.0 (RFC 1945) as a status socket needs: one request, one response, then the end.
public enum HTTP {
    /// The longest request that is read, in bytes.
    public static let requestLimit = 8192

    public struct Request: Equatable, Sendable {
        public var method: String
        /// Without the query.
        public var path: String
        /// What stands behind the path, without the question mark.
        public var query = ""
    }

    public struct Response: Equatable, Sendable {
        public var status: Int
        public var type: String
        public var body: String

        public init(status: Int, type: String = "text/plain; charset=utf-8", body: String) {
            self.status = status
            self.type = type
            self.body = body
        }

        public static func json(_ body: String) -> Response {
            Response(status: 200, type: "application/json", body: body)
        }

        /// What goes over the socket.
        func bytes(withBody: Bool = true) -> [UInt8] {
            let head =
                "HTTP/1.0 \(status) \(Self.reason(status))\r\nContent-Type: \(type)\r\n"
                + "Content-Length: \(body.utf8.count)\r\nConnection: close\r\n\r\n"
            return Array(head.utf8) + (withBody ? Array(body.utf8) : [])
        }

        private static func reason(_ status: Int) -> String {
            switch status {
            case 200: "OK"
            case 400: "Bad Request"
            case 404: "Not Found"
            case 405: "Method Not Allowed"
            case 503: "Service Unavailable"
            default: "Error"
            }
        }
    }

    enum Parsed: Equatable {
        /// More bytes are needed.
        case incomplete
        case request(Request)
        case malformed
    }

    /// Reads the request line once the headers have ended; they say nothing that we need.
    static func parse(_ bytes: [UInt8]) -> Parsed {
        guard let end = bytes.firstIndex(of: 0x0a) else { return bytes.count > requestLimit ? .malformed : .incomplete }
        let line = bytes[..<end].last == 0x0d ? bytes[..<(end - 1)] : bytes[..<end]
        guard line.allSatisfy({ (0x20..<0x7f).contains($0) }) else { return .malformed }
        let words = String(decoding: line, as: UTF8.self).split(separator: " ", omittingEmptySubsequences: false)
        guard words.count == 3, words[2].hasPrefix("HTTP/1."), words[1].hasPrefix("/") else { return .malformed }
        guard hasEnded(bytes) else { return bytes.count > requestLimit ? .malformed : .incomplete }
        let path = words[1].prefix { $0 != "?" }
        let query = words[1].dropFirst(path.count + 1)
        return .request(Request(method: String(words[0]), path: String(path), query: String(query)))
    }

    /// True where an empty line has ended the headers.
    private static func hasEnded(_ bytes: [UInt8]) -> Bool {
        var lineLength = 0
        for byte in bytes {
            switch byte {
            case 0x0a where lineLength == 0: return true
            case 0x0a: lineLength = 0
            case 0x0d: continue
            default: lineLength += 1
            }
        }
        return false
    }
}
