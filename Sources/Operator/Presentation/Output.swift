import JSON

/// The options that all commands with two forms of output share.
enum Output {
    /// Prints a document for programs.
    static func print(_ json: JSONValue) {
        Swift.print(json.serialized(pretty: true))
    }

    /// A list of strings as JSON.
    static func texts(_ values: [some CustomStringConvertible]) -> JSONValue {
        .array(values.map { .string($0.description) })
    }

    static func optional(_ value: (some CustomStringConvertible)?) -> JSONValue {
        value.map { .string($0.description) } ?? .null
    }
}
