import PacketPath

/// From the difference of two plans to the table that packets are looked up in, and how long it takes to make all.
struct Change {
    let peers: Int
    let rounds: Int

    func measure() -> [Measurement] {
        let plan = SamplePlan.make(peers)
        var directory = ForwardingDirectory(ForwardingPlan(local: plan.local))
        let build = nanoseconds { directory.replace(plan) }
        let cell = TableCell(directory.table, readers: 2)
        var values: [String: [Double]] = [:]
        for round in 1...rounds {
            let number = Int.random(in: 0..<peers)
            let extra = SamplePlan.peer(peers + round, generation: 0)
            let changes = [
                (
                    "one changed",
                    ForwardingChange(local: plan.local, updated: [SamplePlan.peer(number, generation: round)])
                ),
                ("one added", ForwardingChange(local: plan.local, updated: [extra])),
                ("one removed", ForwardingChange(local: plan.local, removed: [extra.name])),
            ]
            for (kind, change) in changes {
                let time = nanoseconds { if directory.apply(change) { cell.replace(directory.table) } }
                values[kind, default: []].append(time / 1000)
            }
        }
        return values.sorted { $0.key < $1.key }.map { kind, values in
            Measurement(question: "change", parameter: kind, peers: peers, unit: "us", values: values)
        } + [Measurement(question: "change", parameter: "all added", peers: peers, unit: "ms", values: [build / 1e6])]
    }
}
