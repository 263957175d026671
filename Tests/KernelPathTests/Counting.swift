import Host

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
