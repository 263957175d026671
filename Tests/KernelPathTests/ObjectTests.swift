import Glibc
import Host
import KernelEye
import Testing

@testable import KernelPath

@Suite(.enabled(if: getuid() == 0, "needs root, to load programs"))
struct ObjectTests {
    @Test func datapathsProgramsPassTheVerifier() throws {
        let object = try BPFObject(.tunnel)
        try object.load()
        for name in object.programNames { #expect(try object.program(named: name).identity.id > 0) }
    }

    @Test func loadsAllProgramsAndMaps() throws {
        let object = try BPFObject(.counting)
        #expect(object.programNames.sorted() == ["first", "pass", "second"])
        try object.load()
        let first = try object.program(named: "first")
        #expect(first.identity.name == "first" && first.identity.tag.count == 16)
        #expect(try BPFProgram(id: first.identity.id).identity == first.identity)
        let map = try object.map(named: "passed")
        #expect(map.kind == .perProcessorArray && map.keySize == 4 && map.valueSize == 16 && map.capacity == 4)
    }

    @Test func loadsOnlyWhatItIsToldTo() throws {
        let object = try BPFObject(.refused)
        try object.load(only: ["sound"])
        try object.load()
        #expect(try object.program(named: "sound").identity.name == "sound")
        #expect { try object.program(named: "reads_beyond_end") } throws: { ($0 as? SystemError)?.code != nil }
        #expect { try object.load(only: ["absent"]) } throws: { ($0 as? SystemError)?.code == ENOENT }
    }

    @Test func verifiersReasonIsTold() throws {
        let object = try BPFObject(.refused)
        let error = #expect(throws: SystemError.self) { try object.load() }
        let text = try #require(error).description
        #expect(text.contains("invalid access to packet"), "\(text)")
        #expect(text.contains("data[13]"), "the line of source is not quoted: \(text)")
        #expect(text.contains("reads_beyond_end"), "\(text)")
        #expect(text.split(separator: "\n").count < 20)
    }

    @Test func brokenFileIsRefused() {
        for bytes in [[], [0x7f], Array("no object".utf8), Array(CompiledObject.counting.bytes.prefix(1000))] {
            #expect(throws: SystemError.self) { _ = try BPFObject(CompiledObject(name: "broken", bytes: bytes)) }
        }
    }

    @Test func programRunsOverAPacket() throws {
        let object = try BPFObject(.counting)
        try object.load()
        let packet = [UInt8](repeating: 0, count: 64)
        let run = try object.program(named: "first").run(packet, repetitions: 5)
        #expect(run.result == -1 && run.packet == packet)
        let passed = try CounterMap<UInt32>(object.map(named: "passed"))
        #expect(try passed.total(0)?.first == 5)
        #expect(try object.program(named: "pass").run(packet).result == 2)
        #expect(throws: SystemError.self) { try object.program(named: "first").run([1, 2, 3]) }
    }

    @Test func constantsAndCapacityAreSetBefore() throws {
        let object = try BPFObject(.counting)
        try object.setConstants(".rodata.settings", UInt32(2))
        try object.setCapacity(of: "lengths", to: 100_000)
        #expect(throws: SystemError.self) { try object.setConstants(".rodata.settings", UInt64(2)) }
        #expect(throws: SystemError.self) { try object.setCapacity(of: "absent", to: 1) }
        try object.load()
        _ = try object.program(named: "first").run([UInt8](repeating: 0, count: 64))
        #expect(try CounterMap<UInt32>(object.map(named: "passed")).total(2)?.first == 1)
        #expect(try object.map(named: "lengths").capacity == 100_000)
    }
}
