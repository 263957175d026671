internal import CNI
internal import JSON

/// What a plugin does not do is the specification's code 2, with the member and its value in the message.
extension Fields {
    /// Refuses every member that is not in `known`.
    func allow(only known: Set<String>) throws(CNIError) {
        for (key, value) in object.members where !known.contains(key) { throw unsupported(key, value) }
    }

    /// Refuses a member that asks for something that this plugin does not do.
    func refuse(_ key: String, because reason: String) throws(CNIError) {
        guard let value = object[key] else { return }
        throw unsupported(key, value, ": \(reason)")
    }

    private func unsupported(_ key: String, _ value: JSONValue, _ reason: String = "") -> CNIError {
        CNIError(.unsupportedField, "unsupported field \"\(name(of: key))\" with value \(value.serialized())\(reason)")
    }
}
