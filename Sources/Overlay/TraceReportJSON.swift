import Addressing
public import JSON

extension TraceReport {
    /// The report as `GET /trace` sends it.
    public var json: JSONValue {
        .object([
            "datapath": .string(datapath), "framing": .string(framing),
            "sourcePort": sourcePort.map { .number(Int($0)) } ?? .null, "peer": peer?.json ?? .null,
            "path": path?.json ?? .null, "verdict": verdict.json, "kernel": kernel?.json ?? .null,
        ])
    }

    /// Reads what ``json`` writes; further members are passed over.
    ///
    /// - Throws: The member that is missing or has another shape.
    public init(json: JSONValue) throws(OverlayError) {
        let members = try ReportMembers(json, "trace")
        self.init(
            datapath: try members.text("datapath"), framing: try members.text("framing"),
            sourcePort: try members.optionalNumber("sourcePort").map { UInt16(clamping: $0) },
            peer: try members.optionalValue("peer").map { value throws(OverlayError) in try Peer(json: value) },
            path: try members.optionalValue("path").map { value throws(OverlayError) in try Path(json: value) },
            verdict: try Verdict(json: try members.value("verdict")),
            kernel: try members.optionalValue("kernel").map { value throws(OverlayError) in try Kernel(json: value) })
    }
}

extension TraceReport.Peer {
    fileprivate var json: JSONValue {
        ["name": .string(name), "prefix": .string(prefix.description), "isRoute": .bool(isRoute)]
    }

    fileprivate init(json: JSONValue) throws(OverlayError) {
        let members = try ReportMembers(json, "peer")
        self.init(
            name: try members.text("name"), prefix: try members.read("prefix") { IPPrefix($0) },
            isRoute: try members.flag("isRoute"))
    }
}

extension TraceReport.Path {
    fileprivate var json: JSONValue {
        .object([
            "endpoint": .string(endpoint.address.description), "port": .number(Int(endpoint.port)),
            "source": source.map { .string($0.description) } ?? .null,
            "device": device.map { .number(Int($0)) } ?? .null,
            "gateway": gateway.map { .string($0.description) } ?? .null,
            "routeMTU": .number(routeMTU), "mtu": .number(mtu), "overhead": .number(overhead),
        ])
    }

    fileprivate init(json: JSONValue) throws(OverlayError) {
        let members = try ReportMembers(json, "path")
        self.init(
            endpoint: SocketAddress(
                try members.read("endpoint") { IPAddress($0) }, port: UInt16(clamping: try members.number("port"))),
            source: try members.optional("source") { IPAddress($0) },
            device: try members.optionalNumber("device").map { Int32(clamping: $0) },
            gateway: try members.optional("gateway") { IPAddress($0) }, routeMTU: try members.number("routeMTU"),
            mtu: try members.number("mtu"), overhead: try members.number("overhead"))
    }
}

extension TraceReport.Verdict {
    fileprivate var json: JSONValue {
        [
            "action": .string(action.rawValue), "reason": reason.map { .string($0) } ?? .null,
            "mtu": mtu.map { .number($0) } ?? .null,
        ]
    }

    fileprivate init(json: JSONValue) throws(OverlayError) {
        let members = try ReportMembers(json, "verdict")
        self.init(
            try members.read("action") { Action(rawValue: $0) }, reason: try members.optional("reason") { $0 },
            mtu: try members.optionalNumber("mtu"))
    }
}

extension TraceReport.Kernel {
    fileprivate var json: JSONValue {
        [
            "program": program.map { .number(Int($0)) } ?? .null,
            "obstacle": obstacle.map { .string($0) } ?? .null,
            "shortCut": shortCut?.json ?? .null,
        ]
    }

    fileprivate init(json: JSONValue) throws(OverlayError) {
        let members = try ReportMembers(json, "kernel")
        self.init(
            program: try members.optionalNumber("program").map { UInt32(clamping: $0) },
            obstacle: try members.optional("obstacle") { $0 },
            shortCut: try members.optionalValue("shortCut").map { value throws(OverlayError) in
                try TraceReport.ShortCut(json: value)
            })
    }
}

extension TraceReport.ShortCut {
    fileprivate var json: JSONValue {
        ["obstacle": obstacle.map { .string($0) } ?? .null, "seen": .texts(seen)]
    }

    fileprivate init(json: JSONValue) throws(OverlayError) {
        let members = try ReportMembers(json, "shortCut")
        self.init(obstacle: try members.optional("obstacle") { $0 }, seen: try members.list("seen") { $0 })
    }
}
