import Glibc
import Host
import Testing

@testable import KernelPath

/// The programs of counting.bpf.c, loaded.
struct Counting: Sendable {
    let first: BPFProgram
    let second: BPFProgram
    let pass: BPFProgram
    let passed: CounterMap<UInt32>

    init() throws(SystemError) {
        let object = try BPFObject(.counting)
        try object.load()
        first = try object.program(named: "first")
        second = try object.program(named: "second")
        pass = try object.program(named: "pass")
        passed = try CounterMap(object.map(named: "passed"))
    }

    /// How many packets each of the two programs for traffic control has seen.
    func packets() throws(SystemError) -> [UInt64] {
        [try passed.total(0)?.first ?? 0, try passed.total(1)?.first ?? 0]
    }
}

/// Has the two programs take turns at a hook while packets pass, and checks that each packet has met one of them.
func expectEachPacketSeen(
    _ loopback: Loopback, _ counting: Counting, _ replace: (BPFProgram) throws -> Void
) throws {
    let count = 20_000
    let sender = try Worker(name: "sender") { #expect(throws: Never.self) { try loopback.send(count) } }
    for step in 0..<200 {
        try replace(step.isMultiple(of: 2) ? counting.second : counting.first)
        usleep(500)
    }
    sender.join()
    let packets = try counting.packets()
    #expect(packets[0] + packets[1] == UInt64(count) && packets[0] > 0 && packets[1] > 0, "\(packets)")
}
