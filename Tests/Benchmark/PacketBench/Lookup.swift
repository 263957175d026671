import Addressing
import PacketPath

/// What it costs to find the peer that a packet goes to: from its destination to the endpoint in the peer's record.
///
/// "random" asks for one destination after the other, as for the packets of a batch: what does not depend on each other,
/// a processor does at once. "random, chained" does not know the next destination before it has the last answer, so it
/// shows how long one takes: at a hundred thousand peers, two reads of memory that is in no cache.
struct Lookup {
    let peers: Int
    let rounds: Int

    private static let lookupsEach = 200_000

    func measure() -> [Measurement] {
        let table = ForwardingDirectory(SamplePlan.make(peers)).table
        return [IPFamily.v4, .v6].flatMap { family -> [Measurement] in
            let ways: [(String, () -> Double)] = [
                ("hot", { time(table, family) { _, _ in peers / 2 } }),
                ("random", { time(table, family) { random, _ in number(random) } }),
                ("random, chained", { time(table, family) { random, answer in number(random ^ UInt64(answer)) } }),
            ]
            return ways.map { parameter, time in
                Measurement(
                    question: "lookup", parameter: parameter, peers: peers, family: Int(family.rawValue), unit: "ns",
                    values: (0..<rounds).map { _ in time() })
            }
        }
    }

    private func number(_ random: UInt64) -> Int { Int(truncatingIfNeeded: ((random >> 32) &* UInt64(peers)) >> 32) }

    /// - Parameter next: Chooses a peer by a random number and what the last lookup has found.
    @inline(__always)
    private func time(_ table: ForwardingTable, _ family: IPFamily, _ next: (UInt64, UInt16) -> Int) -> Double {
        var random: UInt64 = 0x9e37_79b9_7f4a_7c15
        var answer: UInt16 = 0
        var sum = 0
        let total = nanoseconds {
            for _ in 0..<Self.lookupsEach {
                // Marsaglia's xorshift.
                random ^= random << 13
                random ^= random >> 7
                random ^= random << 17
                let destination = Self.destination(next(random, answer), family)
                answer = table.peer(table.subnets.find(destination)).port
                sum &+= Int(answer)
            }
        }
        precondition(sum == 31337 * Self.lookupsEach)
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
