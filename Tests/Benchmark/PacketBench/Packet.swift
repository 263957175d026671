import Addressing

/// What one inner packet costs between the system calls, each way, beside the same work done by C
/// (Tests/Benchmark/PacketReference). The two take turns, and a ratio is of neighbours. Each round has tables and memory
/// of its own, since where things lie, and how long a search in a table is, is luck.
///
/// `sendmmsg` and `writev` are stand-ins that return at once; see `stand_in.c` there.
struct Packet {
    let peers: Int
    let rounds: Int

    private static let nanosecondsEach = 3e6

    func measure() throws -> [Measurement] {
        try SamplePackets.all(SampleAddresses(peers)).flatMap { sample -> [Measurement] in
            var repetitions = 1
            var (swift, c, ratios): ([Double], [Double], [Double]) = ([], [], [])
            for round in 0..<rounds {
                var pair = try PacketPair(sample, peers: peers, seed: UInt64(round))
                pair.compare()
                while pair.time(.swift, repetitions) < Self.nanosecondsEach { repetitions *= 2 }
                _ = pair.time(.c, repetitions)
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

    /// Carries one sample again and again through some tables, for a profiler to count what it costs.
    ///
    /// - Parameter number: Which, in the order of ``SamplePackets/all(_:)``.
    /// - Returns: What it was, and how many packets pass for each repetition.
    static func run(_ number: Int, _ side: PacketPair.Side, repetitions: Int) throws -> String {
        let samples = SamplePackets.all(SampleAddresses(profiledPeers))
        guard samples.indices.contains(number) else { return "" }
        let sample = samples[number]
        for seed in 0..<profiledSeeds {
            var pair = try PacketPair(sample, peers: profiledPeers, seed: seed)
            _ = pair.time(side, repetitions)
        }
        return "\(sample.count * Int(profiledSeeds)) \(sample.direction), IPv\(sample.family.rawValue), \(sample.name)"
    }

    private static let profiledPeers = 64
    private static let profiledSeeds: UInt64 = 8
}
