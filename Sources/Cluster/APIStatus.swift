public import JSON

/// What the API server says instead of what was asked for: an object of kind `Status` (meta/v1).
public struct APIStatus: Error, Hashable, Sendable {
    /// The HTTP status code.
    public let code: Int
    /// One word for programs: `Expired`, `Forbidden`; empty where the server gives none.
    public let reason: String
    /// One line for people; empty where the server gives none.
    public let message: String

    public init(code: Int, reason: String = "", message: String = "") {
        self.code = code
        self.reason = reason
        self.message = message
    }

    /// Reads a `Status` object; what has another shape is taken for an error without words.
    ///
    /// - Parameter code: The code where the object has none.
    public init(json: JSONValue?, code: Int) {
        let object = json?.objectValue
        self.init(
            code: object?["code"]?.intValue ?? code, reason: object?["reason"]?.stringValue ?? "",
            message: object?["message"]?.stringValue ?? "")
    }

    /// Reads the body of an answer, which a proxy on the way may have written in whatever form.
    public init(body: [UInt8], code: Int) {
        if let json = try? JSONValue(parsing: body), json.objectValue != nil {
            self.init(json: json, code: code)
        } else {
            let line = body.prefix(200).prefix { $0 >= 0x20 && $0 < 0x7f }
            self.init(code: code, message: String(decoding: line, as: UTF8.self))
        }
    }

    /// The state that was asked for is gone, or never was, as when the server was restored from a backup: only a new list
    /// helps.
    public var isExpired: Bool {
        code == 410 || reason == "Expired" || reason == "Gone" || message.hasPrefix("Too large resource version")
    }
}
