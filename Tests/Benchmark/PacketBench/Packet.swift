import Addressing

/// What one inner packet costs between the system calls, each way, beside the same work done by C
/// (Tests/Benchmark/PacketReference). The two take turns, and a ratio is of neighbours.
///
/// `sendmmsg` and `writev` are stand-ins that return at once; see `stand_in.c` there.
struct Packet {
    let peers: Int
    let rounds: Int

    private static let nanosecondsEach = 3e6

    func measure() throws -> [Measurement] {
        try SamplePackets.all(SampleAddresses(peers)).flatMap { sample -> [Measurement] in
            var pair = try PacketPair(sample, peers: peers)
            pair.compare()
            var repetitions = 1
            while pair.time(.swift, repetitions) < Self.nanosecondsEach { repetitions *= 2 }
            var (swift, c, ratios): ([Double], [Double], [Double]) = ([], [], [])
            for round in 0..<rounds {
                let isSwiftFirst = round % 2 == 0
                let first = pair.time(isSwiftFirst ? .swift : .c, repetitions)
                let second = pair.time(isSwiftFirst ? .c : .swift, repetitions)
                let times = isSwiftFirst ? (first, second) : (second, first)
                swift.append(times.0 / Double(repetitions * sample.count))
                c.append(times.1 / Double(repetitions * sample.count))
                ratios.append(times.0 / times.1)
            }
            return [("Swift", "ns", swift), ("C", "ns", c), ("Swift/C", "ratio", ratios)].map { who, unit, values in
                Measurement(
                    question: "packet", parameter: "\(sample.direction), \(sample.name): \(who)", peers: peers,
                    family: Int(sample.family.rawValue), unit: unit, values: values)
            }
        }
    }

    /// Carries one sample again and again, for a profiler to count what it costs.
    ///
    /// - Parameter number: Which, in the order of ``SamplePackets/all(_:)``.
    /// - Returns: What it was, and how many packets passed each time.
    static func run(_ number: Int, _ side: PacketPair.Side, repetitions: Int) throws -> String {
        let samples = SamplePackets.all(SampleAddresses(profiledPeers))
        guard samples.indices.contains(number) else { return "" }
        let sample = samples[number]
        var pair = try PacketPair(sample, peers: profiledPeers)
        _ = pair.time(side, repetitions)
        return "\(sample.count) \(sample.direction), IPv\(sample.family.rawValue), \(sample.name)"
    }

    /// Few, so that the tables' random seed makes little difference.
    private static let profiledPeers = 64
}
