import JSON

extension JSONValue {
    /// A list of strings.
    static func texts(_ values: [some CustomStringConvertible]) -> JSONValue {
        .array(values.map { .string($0.description) })
    }
}

/// The members of one object of a report, with errors that name what is missing.
struct ReportMembers {
    let object: JSONObject
    let path: String

    init(_ json: JSONValue, _ path: String) throws(OverlayError) {
        guard let object = json.objectValue else { throw Self.mismatch(path, "\(json.kind) instead of an object") }
        self.object = object
        self.path = path
    }

    static func mismatch(_ key: String, _ problem: String) -> OverlayError {
        OverlayError(
            source: "warrensd's answer", key: key, problem: problem,
            remedy: "use warrensctl and warrensd of the same version")
    }

    func value(_ key: String) throws(OverlayError) -> JSONValue {
        guard let value = object[key] else { throw Self.mismatch("\(path).\(key)", "missing") }
        return value
    }

    func optionalValue(_ key: String) -> JSONValue? { object[key].flatMap { $0.isNull ? nil : $0 } }

    func flag(_ key: String) throws(OverlayError) -> Bool {
        let value = try value(key)
        guard let flag = value.boolValue else { throw wrong(key, value) }
        return flag
    }

    func read<Value>(_ key: String, _ parse: (String) -> Value?) throws(OverlayError) -> Value {
        let value = try value(key)
        guard let parsed = value.stringValue.flatMap(parse) else { throw wrong(key, value) }
        return parsed
    }

    func optional<Value>(_ key: String, _ parse: (String) -> Value?) throws(OverlayError) -> Value? {
        guard let value = object[key], !value.isNull else { return nil }
        return try read(key, parse)
    }

    func text(_ key: String) throws(OverlayError) -> String {
        try read(key) { $0 }
    }

    func number(_ key: String) throws(OverlayError) -> Int {
        let value = try value(key)
        guard let number = value.intValue else { throw wrong(key, value) }
        return number
    }

    func optionalNumber(_ key: String) throws(OverlayError) -> Int? {
        guard let value = object[key], !value.isNull else { return nil }
        return try number(key)
    }

    func array(_ key: String) throws(OverlayError) -> [JSONValue] {
        let value = try value(key)
        guard let elements = value.arrayValue else { throw wrong(key, value) }
        return elements
    }

    func list<Value>(_ key: String, _ parse: (String) -> Value?) throws(OverlayError) -> [Value] {
        try array(key).map { element throws(OverlayError) in
            guard let parsed = element.stringValue.flatMap(parse) else { throw wrong(key, element) }
            return parsed
        }
    }

    func traffic(_ key: String) throws(OverlayError) -> StatusReport.Traffic {
        let counters = try counters(key)
        return StatusReport.Traffic(packets: counters["packets"] ?? 0, bytes: counters["bytes"] ?? 0)
    }

    func counters(_ key: String) throws(OverlayError) -> [String: UInt64] {
        let value = try value(key)
        guard let object = value.objectValue else { throw wrong(key, value) }
        var counters: [String: UInt64] = [:]
        for member in object.members {
            // Above 2^63 a counter is no `Int`, so its digits are read as they stand.
            guard let count = member.value.numberValue.flatMap({ UInt64($0.text) }) else {
                throw wrong("\(key).\(member.key)", member.value)
            }
            counters[member.key] = count
        }
        return counters
    }

    private func wrong(_ key: String, _ value: JSONValue) -> OverlayError {
        Self.mismatch("\(path).\(key)", "\(value.serialized().prefix(100)) cannot be read")
    }
}
