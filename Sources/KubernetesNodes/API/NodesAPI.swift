internal import Cluster
internal import Host
internal import JSON
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix
internal import Overlay

/// The requests that this process makes of an API server (kubernetes.io/docs: "Kubernetes API Concepts").
struct NodesAPI: Sendable {
    private let connector: Connector
    private let access: ServerAccess

    /// How long an answer may keep silent, in seconds.
    private static let patience: Int64 = 30
    /// How long a watch may, in seconds: the server sends a bookmark about every minute. WARRENS_NODES_SILENCE sets another
    /// number, for tests.
    private static let watchPatience = environmentVariable("WARRENS_NODES_SILENCE").flatMap(Int64.init) ?? 150
    /// How many nodes a page of a list has.
    private static let pageSize = 250
    /// The most bytes of an answer that is taken as a whole.
    private static let answerLimit = 8 << 20

    init(_ access: ServerAccess, group: MultiThreadedEventLoopGroup) {
        self.access = access
        connector = Connector(access, group: group)
    }

    // MARK: Single objects

    /// This node, as the server has it.
    func node(_ name: String) async throws -> JSONObject {
        let json = try await exchange(.get, .GET, Self.path(of: name))
        guard let object = json.objectValue else {
            throw APIFailure(.get, APIStatus(code: 200, message: "no object"), origin: access.origin)
        }
        return object
    }

    /// Changes what `patch` names, and nothing else (RFC 7386).
    func annotate(_ name: String, _ patch: JSONValue) async throws {
        _ = try await exchange(
            .annotate, .PATCH, Self.path(of: name) + "?fieldManager=warrens-nodes", patch,
            type: "application/merge-patch+json")
    }

    /// Sets one condition; others stay.
    func setCondition(_ name: String, _ condition: JSONValue) async throws {
        _ = try await exchange(
            .setCondition, .PATCH, Self.path(of: name) + "/status?fieldManager=warrens-nodes",
            ["status": ["conditions": .array([condition])]], type: "application/strategic-merge-patch+json")
    }

    /// Events about Nodes stand in the namespace `default`, as a Node is in none.
    func createEvent(_ event: JSONValue) async throws {
        _ = try await exchange(
            .createEvent, .POST, "/api/v1/namespaces/default/events?fieldManager=warrens-nodes", event)
    }

    private static func path(of node: String) -> String { "/api/v1/nodes/\(URLText.escaped(node))" }

    private func exchange(
        _ action: APIFailure.Action, _ method: HTTPMethod, _ path: String, _ body: JSONValue? = nil,
        type: String = "application/json"
    ) async throws -> JSONValue {
        let bytes = body.map { Array($0.serialized().utf8) } ?? []
        let head = try head(method, path, bytes, type: type)
        let answer = try await connector.connected(silence: Self.patience) { connection in
            let head = try await connection.send(head, body: bytes)
            let body = try await Self.whole(&connection)
            return (head, body)
        }
        guard (200..<300).contains(answer.0.status.code) else { throw failure(action, answer.0, answer.1) }
        return (try? JSONValue(parsing: answer.1)) ?? .null
    }

    // MARK: All nodes

    /// Lists all nodes, page by page, as they are now.
    ///
    /// - Parameters:
    ///   - isPaged: False to ask for all at once: a page by page list that takes longer than the server remembers its
    ///     beginning never ends.
    ///   - take: Called with each node.
    /// - Returns: The state that the list shows.
    func list(isPaged: Bool, _ take: @Sendable ([UInt8]) async throws -> Void) async throws -> String {
        var continuation: String?
        while true {
            // One connection for as many pages as the server answers on it.
            let former = continuation
            let page = try await connector.connected(silence: Self.patience) { connection in
                var next = former
                while true {
                    let page = try await self.page(after: next, isPaged: isPaged, &connection, take)
                    guard page.continuation != nil, connection.isUsable else { return page }
                    next = page.continuation
                }
            }
            guard let next = page.continuation else { return page.resourceVersion }
            continuation = next
        }
    }

    private func page(
        after continuation: String?, isPaged: Bool, _ connection: inout Connection,
        _ take: @Sendable ([UInt8]) async throws -> Void
    ) async throws -> ListPage {
        var path = "/api/v1/nodes?limit=\(isPaged ? Self.pageSize : 0)"
        if let continuation { path += "&continue=\(URLText.escaped(continuation))" }
        let head = try await connection.send(try head(.GET, path), body: [])
        guard head.status == .ok else { throw failure(.list, head, try await Self.whole(&connection)) }
        var splitter = ObjectSplitter(.items)
        while let bytes = try await connection.next() {
            var found: [[UInt8]] = []
            try splitter.take(bytes) { found.append($0) }
            for object in found { try await take(object) }
        }
        guard let page = ListPage(envelope: try splitter.end()) else {
            throw APIFailure(.list, APIStatus(code: 200, message: "no list of nodes"), origin: access.origin)
        }
        return page
    }

    /// Watches all nodes from a state on, until the server ends it after some minutes.
    ///
    /// - Parameters:
    ///   - seconds: When the server is to end it.
    ///   - opened: Called once the server has agreed.
    ///   - take: Called with each event.
    func watch(
        from version: String, seconds: Int64, opened: @Sendable () async -> Void,
        _ take: @Sendable (NodeEvent) async throws -> Void
    ) async throws {
        let path =
            "/api/v1/nodes?watch=1&allowWatchBookmarks=true&resourceVersion=\(URLText.escaped(version))"
            + "&timeoutSeconds=\(seconds)"
        let request = try head(.GET, path)
        try await connector.connected(silence: Self.watchPatience) { connection in
            let head = try await connection.send(request, body: [])
            guard head.status == .ok else { throw failure(.watch, head, try await Self.whole(&connection)) }
            await opened()
            var splitter = ObjectSplitter(.objects)
            while let bytes = try await connection.next() {
                var found: [[UInt8]] = []
                try splitter.take(bytes) { found.append($0) }
                for object in found { try await take(try NodeEvent(parsing: object)) }
            }
            if splitter.isInMidst { throw ConnectionError.closed }
        }
    }

    // MARK: Heads and failures

    private func head(
        _ method: HTTPMethod, _ path: String, _ body: [UInt8] = [], type: String = ""
    ) throws -> HTTPRequestHead {
        var headers: HTTPHeaders = [
            "Host": access.server.authority, "Accept": "application/json",
            "User-Agent": "warrens-nodes/\(Release.version)",
        ]
        if let token = try token() { headers.add(name: "Authorization", value: "Bearer \(token)") }
        if !body.isEmpty {
            headers.add(name: "Content-Type", value: type)
            headers.add(name: "Content-Length", value: "\(body.count)")
        }
        return HTTPRequestHead(
            version: .http1_1, method: method, uri: access.server.base + path, headers: headers)
    }

    /// Read for each request, as kubelet replaces it long before it expires.
    private func token() throws -> String? {
        guard let source = access.token else { return nil }
        let bytes: [UInt8]
        do throws(SystemError) {
            bytes = try source.read()
        } catch {
            throw OverlayError(
                source: access.origin, key: "token", problem: error.description,
                remedy: "name a file that is there and that this process can read")
        }
        let token = bytes.filter { $0 > 0x20 }
        guard !token.isEmpty, token.allSatisfy({ $0 < 0x7f }) else {
            throw OverlayError(
                source: access.origin, key: "token", problem: "is empty or no token", remedy: "write a bearer token")
        }
        return String(decoding: token, as: UTF8.self)
    }

    private func failure(_ action: APIFailure.Action, _ head: HTTPResponseHead, _ body: [UInt8]) -> APIFailure {
        APIFailure(
            action, APIStatus(body: body, code: Int(head.status.code)),
            retryAfter: head.headers.first(name: "Retry-After"), origin: access.origin)
    }

    private static func whole(_ connection: inout Connection) async throws -> [UInt8] {
        var body: [UInt8] = []
        while let bytes = try await connection.next() {
            guard body.count + bytes.count <= answerLimit else {
                throw ObjectSplitter.Failure(description: "an answer is larger than \(answerLimit) bytes")
            }
            body += bytes
        }
        return body
    }
}

/// Text in URLs (RFC 3986 section 2).
enum URLText {
    /// Everything but unreserved characters becomes `%XX`.
    static func escaped(_ text: String) -> String {
        var escaped = ""
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"):
                escaped.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                let digits = String(byte, radix: 16, uppercase: true)
                escaped += "%" + (digits.count < 2 ? "0" : "") + digits
            }
        }
        return escaped
    }
}
