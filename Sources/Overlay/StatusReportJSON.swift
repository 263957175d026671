import Addressing
public import JSON

extension StatusReport {
    /// The report as `GET /status` sends it.
    public var json: JSONValue {
        .object([
            "version": .string(version),
            "datapath": .string(datapath),
            "datapathReason": .string(datapathReason),
            "datapathParts": .texts(datapathParts),
            "name": .string(name),
            "nodeID": .string(nodeID.description),
            "subnets": .texts(subnets),
            "claim": .string(claim.description),
            "mtu": .number(mtu),
            "uptime": .number(uptime),
            "registry": registry.json,
            "counters": .object(
                JSONObject(counters.sorted { $0.key < $1.key }.map { ($0.key, .number($0.value)) })),
            "peers": .array(peers.map(\.json)),
            "warnings": .texts(warnings),
        ])
    }

    /// Reads what ``json`` writes; further members are passed over.
    ///
    /// - Throws: The member that is missing or has another shape.
    public init(json: JSONValue) throws(OverlayError) {
        let members = try Members(json, "status")
        self.init(
            version: try members.text("version"), datapath: try members.text("datapath"),
            datapathReason: try members.text("datapathReason"),
            datapathParts: try members.list("datapathParts") { $0 }, name: try members.text("name"),
            nodeID: try members.read("nodeID") { NodeID($0) }, subnets: try members.list("subnets") { IPPrefix($0) },
            claim: try members.read("claim") { Claim($0) }, mtu: try members.number("mtu"),
            uptime: try members.number("uptime"), registry: try Registry(json: try members.value("registry")),
            counters: try members.counters("counters"),
            peers: try members.array("peers").map { value throws(OverlayError) in try Peer(json: value) },
            warnings: try members.list("warnings") { $0 })
    }
}

extension StatusReport.Registry {
    public var json: JSONValue {
        .object([
            "peers": .number(peers),
            "problems": .array(
                problems.map { problem -> JSONValue in
                    [
                        "node": .string(problem.node), "field": .string(problem.field),
                        "message": .string(problem.message),
                    ]
                }),
            "conflicts": .array(
                conflicts.map { conflict -> JSONValue in
                    [
                        "prefix": .string(conflict.prefix.description), "winner": .string(conflict.winner),
                        "loser": .string(conflict.loser),
                    ]
                }),
            "file": .string(file),
            "loadedAt": loadedAt.map { .string($0.description) } ?? .null,
            "lastError": lastError.map { .string($0) } ?? .null,
        ])
    }

    init(json: JSONValue) throws(OverlayError) {
        let members = try Members(json, "registry")
        self.init(
            peers: try members.number("peers"),
            problems: try members.array("problems").map { value throws(OverlayError) in
                let members = try Members(value, "problems")
                return NodeProblem(
                    node: try members.text("node"), field: try members.text("field"),
                    message: try members.text("message"))
            },
            conflicts: try members.array("conflicts").map { value throws(OverlayError) in
                let members = try Members(value, "conflicts")
                return Conflict(
                    prefix: try members.read("prefix") { IPPrefix($0) }, winner: try members.text("winner"),
                    loser: try members.text("loser"))
            },
            file: try members.text("file"), loadedAt: try members.optional("loadedAt") { Timestamp($0) },
            lastError: try members.optional("lastError") { $0 })
    }
}

extension StatusReport.Peer {
    public var json: JSONValue {
        .object([
            "name": .string(name),
            "nodeID": nodeID.map { .string($0.description) } ?? .null,
            "subnets": .texts(subnets),
            "endpoint": endpoint.map { .string($0) } ?? .null,
            "endpoints": .texts(endpoints),
            "sent": ["packets": .number(sent.packets), "bytes": .number(sent.bytes)],
            "received": ["packets": .number(received.packets), "bytes": .number(received.bytes)],
            "lastReceived": lastReceived.map { .number($0) } ?? .null,
            "note": .string(note),
        ])
    }

    init(json: JSONValue) throws(OverlayError) {
        let members = try Members(json, "peers")
        self.init(
            name: try members.text("name"), nodeID: try members.optional("nodeID") { NodeID($0) },
            subnets: try members.list("subnets") { IPPrefix($0) }, endpoint: try members.optional("endpoint") { $0 },
            endpoints: try members.list("endpoints") { $0 }, sent: try members.traffic("sent"),
            received: try members.traffic("received"),
            lastReceived: try members.optionalNumber("lastReceived"), note: try members.text("note"))
    }
}

extension JSONValue {
    /// A list of strings.
    static func texts(_ values: [some CustomStringConvertible]) -> JSONValue {
        .array(values.map { .string($0.description) })
    }
}

/// The members of one object of the report, with errors that name what is missing.
private struct Members {
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
