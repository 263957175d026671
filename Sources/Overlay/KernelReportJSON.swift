public import JSON

extension KernelReport {
    public var json: JSONValue {
        .object([
            "hooks": .string(hooks), "aggregation": .string(aggregation), "missing": .texts(missing),
            "programs": .array(programs.map(\.json)), "maps": .array(maps.map(\.json)),
        ])
    }

    init(json: JSONValue) throws(OverlayError) {
        let members = try ReportMembers(json, "kernel")
        self.init(
            hooks: try members.text("hooks"), aggregation: try members.text("aggregation"),
            missing: try members.list("missing") { $0 },
            programs: try members.array("programs").map { value throws(OverlayError) in try Program(json: value) },
            maps: try members.array("maps").map { value throws(OverlayError) in try Map(json: value) })
    }
}

extension KernelReport.Program {
    public var json: JSONValue {
        .object([
            "name": .string(name), "device": .number(Int(device)), "direction": .string(direction),
            "number": number.map { .number(Int($0)) } ?? .null,
        ])
    }

    init(json: JSONValue) throws(OverlayError) {
        let members = try ReportMembers(json, "programs")
        self.init(
            name: try members.text("name"), device: Int32(clamping: try members.number("device")),
            direction: try members.text("direction"),
            number: try members.optionalNumber("number").map { UInt32(clamping: $0) })
    }
}

extension KernelReport.Map {
    public var json: JSONValue {
        .object([
            "name": .string(name), "entries": entries.map { .number($0) } ?? .null, "capacity": .number(capacity),
            "forgets": .bool(forgets),
        ])
    }

    init(json: JSONValue) throws(OverlayError) {
        let members = try ReportMembers(json, "maps")
        self.init(
            name: try members.text("name"), entries: try members.optionalNumber("entries"),
            capacity: try members.number("capacity"), forgets: try members.flag("forgets"))
    }
}
