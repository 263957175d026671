internal import Addressing
internal import CNI
internal import JSON

/// Typed access to the members of a JSON object in the network configuration, with errors that name the member.
struct ConfigurationMembers {
    private let object: JSONObject
    /// What stands before a member's name in an error: empty, or such as `tunnel.`
    private let prefix: String

    init(_ object: JSONObject, prefix: String = "") {
        self.object = object
        self.prefix = prefix
    }

    /// Null counts as absent, as it does for Go programs.
    private func present(_ key: String) -> JSONValue? {
        object[key].flatMap { $0.isNull ? nil : $0 }
    }

    func flag(_ key: String) throws(CNIError) -> Bool? {
        guard let value = present(key) else { return nil }
        guard let flag = value.boolValue else { throw wrongType(key, value, wanted: "true or false") }
        return flag
    }

    func number(_ key: String) throws(CNIError) -> Int? {
        guard let value = present(key) else { return nil }
        guard let number = value.intValue else { throw wrongType(key, value, wanted: "a whole number") }
        return number
    }

    func text(_ key: String) throws(CNIError) -> String? {
        guard let value = present(key) else { return nil }
        guard let text = value.stringValue else { throw wrongType(key, value, wanted: "a string") }
        return text
    }

    func members(_ key: String) throws(CNIError) -> ConfigurationMembers? {
        guard let value = present(key) else { return nil }
        guard let object = value.objectValue else { throw wrongType(key, value, wanted: "an object") }
        return ConfigurationMembers(object, prefix: "\(prefix)\(key).")
    }

    /// Refuses every member that is not in `known` (code 2), naming it and its value.
    func allow(only known: Set<String>) throws(CNIError) {
        for (key, value) in object.members where !known.contains(key) { throw unsupported(key, value) }
    }

    /// Refuses a member that asks for something that this plugin does not do (code 2).
    func refuse(_ key: String, because reason: String) throws(CNIError) {
        guard let value = object[key] else { return }
        throw unsupported(key, value, reason)
    }

    private func unsupported(_ key: String, _ value: JSONValue, _ reason: String = "") -> CNIError {
        let why = reason.isEmpty ? "" : ": \(reason)"
        return CNIError(
            .unsupportedField, "unsupported field \"\(prefix)\(key)\" with value \(value.serialized())\(why)")
    }

    private func wrongType(_ key: String, _ value: JSONValue, wanted: String) -> CNIError {
        invalid(key, value, "is \(value.kind), but must be \(wanted)")
    }

    /// The error for a member whose value makes no sense (code 7).
    func invalid(_ key: String, _ problem: String) -> CNIError {
        invalid(key, object[key] ?? .null, problem)
    }

    private func invalid(_ key: String, _ value: JSONValue, _ problem: String) -> CNIError {
        CNIError(.invalidConfiguration, "field \"\(prefix)\(key)\" with value \(value.serialized()) \(problem)")
    }
}
