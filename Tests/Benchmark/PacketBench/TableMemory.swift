import PacketPath

/// What the plan in force and the tables made of it occupy.
struct TableMemory {
    let peers: Int

    func measure() throws -> [Measurement] {
        let numbers = try ProcessMemory.inAnotherProcess(["--tables", "\(peers)"])
        return ["plan", "tables"].map { part in
            Measurement(
                question: "memory", parameter: part, peers: peers, unit: "bytes per peer",
                values: [(numbers[part] ?? 0) * 1_048_576 / Double(peers)])
        }
    }

    /// - Returns: Lines of a name and a number of megabytes.
    static func inThisProcess(_ peers: Int) throws -> String {
        let before = try ProcessMemory.resident
        let plan = SamplePlan.make(peers)
        let withPlan = try ProcessMemory.resident
        let directory = ForwardingDirectory(plan)
        let withTables = try ProcessMemory.resident
        return withExtendedLifetime((plan, directory)) { "plan \(withPlan - before)\ntables \(withTables - withPlan)" }
    }
}
