internal import JSON

/// What a plugin answers instead of a result (CNI specification 1.1.0, section 5 "Error").
public struct CNIError: Error, Sendable, Hashable, CustomStringConvertible {
    public struct Code: RawRepresentable, Hashable, Sendable {
        public let rawValue: Int

        public init(rawValue: Int) { self.rawValue = rawValue }

        public static let incompatibleVersion = Code(rawValue: 1)
        /// The message must contain the key and its value.
        public static let unsupportedField = Code(rawValue: 2)
        /// The container does not exist; the runtime need not call DEL.
        public static let unknownContainer = Code(rawValue: 3)
        /// The message must contain the names of the variables.
        public static let invalidEnvironment = Code(rawValue: 4)
        public static let ioFailure = Code(rawValue: 5)
        public static let decodingFailure = Code(rawValue: 6)
        public static let invalidConfiguration = Code(rawValue: 7)
        /// Of the reference library: CNI_NETNS is the namespace that the plugin itself runs in.
        public static let invalidNetworkNamespace = Code(rawValue: 8)
        public static let tryAgainLater = Code(rawValue: 11)
        /// STATUS: ADD cannot be served.
        public static let pluginNotAvailable = Code(rawValue: 50)
        /// STATUS: ADD cannot be served, and containers that exist may have lost connectivity.
        public static let limitedConnectivity = Code(rawValue: 51)
        /// Of the reference library: any other failure.
        public static let internalError = Code(rawValue: 999)
    }

    public let code: Code
    /// One line.
    public let message: String
    /// More about it, or empty.
    public let details: String

    public init(_ code: Code, _ message: String, details: String = "") {
        self.code = code
        self.message = message
        self.details = details
    }

    public var description: String {
        details.isEmpty ? message : "\(message): \(details)"
    }

    /// The error with `context` in front of its message.
    public func prefixed(_ context: String) -> CNIError {
        CNIError(code, "\(context): \(message)", details: details)
    }

    /// The error as a plugin prints it.
    func json(version: SpecVersion) -> JSONObject {
        var object: JSONObject = [
            "cniVersion": .string(version.rawValue), "code": .number(code.rawValue), "msg": .string(message),
        ]
        if !details.isEmpty { object["details"] = .string(details) }
        return object
    }

    /// Reads what another plugin printed, or nil where that is no error object.
    init?(json: JSONObject) {
        guard let code = json["code"]?.intValue else { return nil }
        self.init(
            Code(rawValue: code), json["msg"]?.stringValue ?? "", details: json["details"]?.stringValue ?? "")
    }
}
