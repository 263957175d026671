import Glibc
import Host
import Testing

@testable import KernelPath

@Suite(.enabled(if: getuid() == 0, "needs root, to make maps"))
struct MapTests {
    /// What linux/bpf.h calls struct bpf_lpm_trie_key, for IPv4.
    struct Prefix: BitwiseCopyable, Hashable, Sendable {
        var length: UInt32
        /// Network byte order.
        var address: UInt32
    }

    @Test(arguments: [BPFMapHandle.Kind.hash, .leastRecentlyUsedHash])
    func hashTable(_ kind: BPFMapHandle.Kind) throws {
        let map = try BPFMap<UInt64, UInt32>(kind, name: "hash", capacity: 100)
        #expect(try map.value(for: 1) == nil && map.count() == 0)
        try map.set(10, for: 1)
        try map.set(11, for: 1)
        #expect(try map.value(for: 1) == 11 && map.count() == 1)
        #expect(try map.remove(1))
        #expect(try !map.remove(1))
    }

    @Test func fullTableIsAnError() throws {
        let map = try BPFMap<UInt32, UInt32>(.hash, name: "small", capacity: 2)
        try map.set([(1, 1), (2, 2)])
        #expect { try map.set(3, for: 3) } throws: { ($0 as? SystemError)?.code == E2BIG }
        #expect { try map.set([(1, 5), (3, 3)]) } throws: { ($0 as? SystemError)?.code == E2BIG }
        #expect(try map.value(for: 1) == 5)
    }

    @Test func array() throws {
        let map = try BPFMap<UInt32, UInt64>(.array, name: "array", capacity: 5)
        try map.set(9, for: 4)
        #expect(try map.entries().sorted { $0.key < $1.key }.map(\.value) == [0, 0, 0, 0, 9])
        #expect { try map.set(9, for: 5) } throws: { ($0 as? SystemError)?.code == E2BIG }
    }

    @Test func prefixTrie() throws {
        let map = try BPFMap<Prefix, UInt32>(.prefixTrie, name: "trie", capacity: 1000)
        try map.set(1, for: Prefix(length: 8, address: UInt32(0x0a00_0000).bigEndian))
        try map.set(2, for: Prefix(length: 24, address: UInt32(0x0a01_0200).bigEndian))
        func lookup(_ address: UInt32) throws -> UInt32? {
            try map.value(for: Prefix(length: 32, address: address.bigEndian))
        }
        #expect(try lookup(0x0a01_0203) == 2)
        #expect(try lookup(0x0a02_0203) == 1)
        #expect(try lookup(0x0b00_0001) == nil)
        #expect(try map.count() == 2)
        try map.remove(map.entries().map(\.key))
        #expect(try map.count() == 0)
    }

    @Test(arguments: [BPFMapHandle.Kind.hash, .prefixTrie])
    func manyEntriesAtATime(_ kind: BPFMapHandle.Kind) throws {
        let map = try BPFMap<Prefix, UInt64>(kind, name: "many", capacity: 10_000)
        let all = (0..<10_000).map { (key: Prefix(length: 32, address: UInt32($0)), value: UInt64($0) * 3) }
        try map.set(all)
        let entries = try map.entries()
        #expect(entries.count == 10_000 && Set(entries.map(\.key)).count == 10_000)
        #expect(entries.allSatisfy { $0.value == UInt64($0.key.address) * 3 })
        // Every second one, with some that are not there.
        try map.remove(all.filter { $0.value % 2 == 0 }.map(\.key) + [Prefix(length: 32, address: 99_999)])
        #expect(try map.count() == 5000)
        #expect(try map.entries().allSatisfy { $0.value % 2 == 1 })
    }

    @Test(arguments: [BPFMapHandle.Kind.perProcessorArray, .perProcessorHash])
    func countersAreSummed(_ kind: BPFMapHandle.Kind) throws {
        let handle = try BPFMapHandle(kind, name: "counters", keySize: 4, valueSize: 16, capacity: 3)
        let map = try CounterMap<UInt32>(handle)
        #expect(try map.total(2) == (kind == .perProcessorArray ? [0, 0] : nil))
        #expect(try map.total(3) == nil)
        var keys: [UInt32] = []
        try map.forEach { key, _ in keys.append(key) }
        #expect(keys == (kind == .perProcessorArray ? [0, 1, 2] : []))
    }

    @Test func layoutsThatDoNotFitAreRefused() throws {
        let handle = try BPFMapHandle(.hash, name: "hash", keySize: 4, valueSize: 8, capacity: 4)
        #expect(throws: SystemError.self) { try BPFMap<UInt64, UInt64>(handle) }
        #expect(throws: SystemError.self) { try BPFMap<UInt32, UInt32>(handle) }
        #expect(throws: SystemError.self) { try CounterMap<UInt32>(handle) }
        let counters = try BPFMapHandle(.perProcessorHash, name: "hash", keySize: 4, valueSize: 8, capacity: 4)
        #expect(throws: SystemError.self) { try BPFMap<UInt32, UInt64>(counters) }
        #expect(throws: SystemError.self) { try CounterMap<UInt64>(counters) }
    }
}
