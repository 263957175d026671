public import JSON

/// Typed access to the members of an object. Each failure names the member with its path, its value, and what was
/// expected. A member that is `null` counts as absent.
public struct Fields: Sendable {
    public let object: JSONObject
    /// Where the object stands, such as `ipam.ranges[0]`; empty for the document itself.
    public let path: String
    private let code: CNIError.Code

    /// - Parameter code: The code of the errors that are thrown.
    public init(_ object: JSONObject, path: String = "", code: CNIError.Code = .invalidConfiguration) {
        self.object = object
        self.path = path
        self.code = code
    }

    /// The path of a member, for messages.
    public func name(of key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }

    /// An error about a member: `mtu: -1 is not a number from 0 to 65535`.
    public func error(_ key: String, _ problem: String) -> CNIError {
        let value = object[key].map { Self.abbreviated($0) } ?? "nothing"
        return CNIError(code, "\(name(of: key)): \(value) \(problem)")
    }

    public func string(_ key: String) throws(CNIError) -> String? {
        guard let value = value(key) else { return nil }
        guard let string = value.stringValue else { throw error(key, "is not a string") }
        return string
    }

    public func bool(_ key: String) throws(CNIError) -> Bool? {
        guard let value = value(key) else { return nil }
        guard let bool = value.boolValue else { throw error(key, "is not true or false") }
        return bool
    }

    public func int(_ key: String, in range: ClosedRange<Int>) throws(CNIError) -> Int? {
        guard let value = value(key) else { return nil }
        guard let number = value.intValue, range.contains(number) else {
            throw error(key, "is not a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    public func array(_ key: String) throws(CNIError) -> [JSONValue]? {
        guard let value = value(key) else { return nil }
        guard let array = value.arrayValue else { throw error(key, "is not a list") }
        return array
    }

    public func strings(_ key: String) throws(CNIError) -> [String]? {
        guard let array = try array(key) else { return nil }
        let strings = array.compactMap(\.stringValue)
        guard strings.count == array.count else { throw error(key, "is not a list of strings") }
        return strings
    }

    /// The members of an object.
    public func fields(_ key: String) throws(CNIError) -> Fields? {
        guard let value = value(key) else { return nil }
        guard let object = value.objectValue else { throw error(key, "is not an object") }
        return Fields(object, path: name(of: key), code: code)
    }

    /// The members of each object in a list.
    public func list(_ key: String) throws(CNIError) -> [Fields]? {
        guard let array = try array(key) else { return nil }
        var list: [Fields] = []
        for (index, element) in array.enumerated() {
            guard let object = element.objectValue else { throw error(key, "is not a list of objects") }
            list.append(Fields(object, path: "\(name(of: key))[\(index)]", code: code))
        }
        return list
    }

    private func value(_ key: String) -> JSONValue? {
        object[key].flatMap { $0.isNull ? nil : $0 }
    }

    /// A message need not repeat a whole document.
    private static func abbreviated(_ value: JSONValue) -> String {
        let text = value.serialized()
        return text.count <= 120 ? text : "\(text.prefix(117))…"
    }
}
