import Addressing
import PacketPath

/// What it costs to find the peer that a packet goes to, by its destination. Each lookup waits for the one before it: the
/// next destination is not known before.
///
/// At a hundred thousand peers neither the tables nor the peers' records fit into a cache of a processor's own, so that
/// "random" is one read of memory, and "random, with record" (where to send, what is counted) is two, one after the other.
struct Lookup {
    let peers: Int
    let rounds: Int

    private static let lookupsEach = 200_000

    func measure() -> [Measurement] {
        let table = ForwardingDirectory(SamplePlan.make(peers)).table
        return [IPFamily.v4, .v6].flatMap { family -> [Measurement] in
            let find = { table.subnets.find($0) }
            let ways: [(String, () -> Double)] = [
                ("hot", { time(family, find) { _ in peers / 2 } }),
                ("random", { time(family, find) { number($0) } }),
                (
                    "random, with record",
                    { time(family, { Int(table.peer(table.subnets.find($0)).port) }) { number($0) } }
                ),
            ]
            return ways.map { parameter, time in
                Measurement(
                    question: "lookup", parameter: parameter, peers: peers, family: Int(family.rawValue), unit: "ns",
                    values: (0..<rounds).map { _ in time() })
            }
        }
    }

    private func number(_ random: UInt64) -> Int { Int(truncatingIfNeeded: ((random >> 32) &* UInt64(peers)) >> 32) }

    /// - Parameters:
    ///   - look: What is timed; its answer is 0 or more.
    ///   - choose: Chooses a peer by a random number.
    @inline(__always)
    private func time(_ family: IPFamily, _ look: (AddressKey) -> Int, _ choose: (UInt64) -> Int) -> Double {
        var random: UInt64 = 0x9e37_79b9_7f4a_7c15
        var least = 0
        let total = nanoseconds {
            for _ in 0..<Self.lookupsEach {
                // Marsaglia's xorshift.
                random ^= random << 13
                random ^= random >> 7
                random ^= random << 17
                let answer = look(Self.destination(choose(random), family))
                least = min(least, answer)
                random &+= UInt64(bitPattern: Int64(answer)) << 1
            }
        }
        precondition(least == 0, "a destination was not found")
        return total / Double(Self.lookupsEach)
    }

    /// An address of the peer with this number, as ``SamplePlan`` has it.
    @inline(__always)
    private static func destination(_ number: Int, _ family: IPFamily) -> AddressKey {
        if family == .v4 { return AddressKey(high: 0, low: 0xffff_0a80_0009 &+ UInt64(number) << 6) }
        let id = SamplePlan.nodeID(number * 2)
        return AddressKey(high: 0xfd53_7769_726c_0000 | id >> 48, low: id << 16 | 9)
    }
}
