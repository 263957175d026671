/// A JSON text (RFC 8259) as a tree. Numbers keep their digits and objects the order of their members, so what was
/// read can be written again unchanged.
public enum JSONValue: Sendable, Hashable {
    case null
    case bool(Bool)
    case number(JSONNumber)
    case string(String)
    case array([JSONValue])
    case object(JSONObject)

    /// Containers may be nested this deep, as deep as any configuration ever is and no stack is ever exhausted by.
    public static let depthLimit = 64

    /// Reads one JSON text that takes up all of `bytes`.
    ///
    /// Of members with the same key the last one counts, as in Go's `encoding/json`, which the other side of CNI uses.
    /// - Throws: ``JSONError`` with the offset of the first byte that is not valid UTF-8 or not valid JSON.
    public init(parsing bytes: [UInt8]) throws(JSONError) {
        var reader = JSONReader(bytes)
        self = try reader.readValue()
        try reader.end()
    }

    public var isNull: Bool { self == .null }

    public var boolValue: Bool? {
        if case .bool(let value) = self { value } else { nil }
    }

    public var stringValue: String? {
        if case .string(let value) = self { value } else { nil }
    }

    public var arrayValue: [JSONValue]? {
        if case .array(let value) = self { value } else { nil }
    }

    public var objectValue: JSONObject? {
        if case .object(let value) = self { value } else { nil }
    }

    public var numberValue: JSONNumber? {
        if case .number(let value) = self { value } else { nil }
    }

    /// The number where it is whole, in whatever notation: `1000000000`, `1e+09` and `1.0` all are.
    public var intValue: Int? { numberValue?.int }

    /// What kind of value this is, for messages: `a string`, `an object`.
    public var kind: String {
        switch self {
        case .null: "null"
        case .bool: "a boolean"
        case .number: "a number"
        case .string: "a string"
        case .array: "an array"
        case .object: "an object"
        }
    }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    public init(stringLiteral value: String) { self = .string(value) }
    public init(integerLiteral value: Int) { self = .number(JSONNumber(value)) }
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    public init(arrayLiteral elements: JSONValue...) { self = .array(elements) }

    public init(dictionaryLiteral elements: (String, JSONValue)...) {
        self = .object(JSONObject(elements))
    }

    /// A number value.
    public static func number(_ value: some BinaryInteger) -> JSONValue { .number(JSONNumber(value)) }
}
