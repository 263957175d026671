import Addressing
public import JSON

extension StatusReport {
    /// The report as `GET /status` sends it.
    public var json: JSONValue {
        .object([
            "version": .string(version),
            "datapath": .string(datapath),
            "datapathReason": .string(datapathReason),
            "kernel": kernel?.json ?? .null,
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
        let members = try ReportMembers(json, "status")
        self.init(
            version: try members.text("version"), datapath: try members.text("datapath"),
            datapathReason: try members.text("datapathReason"),
            kernel: try members.optionalValue("kernel").map { value throws(OverlayError) in
                try KernelReport(json: value)
            }, name: try members.text("name"),
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
        let members = try ReportMembers(json, "registry")
        self.init(
            peers: try members.number("peers"),
            problems: try members.array("problems").map { value throws(OverlayError) in
                let members = try ReportMembers(value, "problems")
                return NodeProblem(
                    node: try members.text("node"), field: try members.text("field"),
                    message: try members.text("message"))
            },
            conflicts: try members.array("conflicts").map { value throws(OverlayError) in
                let members = try ReportMembers(value, "conflicts")
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
        let members = try ReportMembers(json, "peers")
        self.init(
            name: try members.text("name"), nodeID: try members.optional("nodeID") { NodeID($0) },
            subnets: try members.list("subnets") { IPPrefix($0) }, endpoint: try members.optional("endpoint") { $0 },
            endpoints: try members.list("endpoints") { $0 }, sent: try members.traffic("sent"),
            received: try members.traffic("received"),
            lastReceived: try members.optionalNumber("lastReceived"), note: try members.text("note"))
    }
}
