import Glibc
import Host
import JSON
import KernelEye
import Netlink
import Testing

@Suite(.enabled(if: getuid() == 0, "needs root, to make network namespaces"))
struct TrafficControlTests {
    private static let tc = "/usr/sbin/tc"

    @Test func queueingDisciplinesAreListedAndJudged() throws {
        try TestNamespace.run {
            let network = try PodNetwork()
            let fresh = try network.host.queueingDisciplines(on: network.port)
            #expect(fresh.map(\.kind) == ["noqueue"] && fresh[0].parent == .root && fresh[0].handle == 0)
            #expect(!fresh[0].shapes)

            // What the CNI plugin "bandwidth" makes of both directions.
            let limit = ["rate", "10mbit", "burst", "32k", "latency", "100ms"]
            try Command.run(Self.tc, ["qdisc", "add", "dev", "vethabc", "root", "handle", "1:", "tbf"] + limit)
            try Command.run(Self.tc, "qdisc", "add", "dev", "vethabc", "ingress")
            let limited = try network.host.queueingDisciplines(on: network.port)
            #expect(Set(limited.map(\.kind)) == ["tbf", "ingress"])
            let bucket = try #require(limited.first { $0.kind == "tbf" })
            #expect(bucket.shapes && bucket.parent == .root && bucket.handle == 0x0001_0000)
            let hooks = try #require(limited.first { $0.kind == "ingress" })
            #expect(!hooks.shapes && hooks.parent == .hooks && hooks.handle == 0xffff_0000)

            try Command.run(Self.tc, "qdisc", "add", "dev", "cni0", "root", "handle", "2:", "htb")
            try Command.run(Self.tc, "class", "add", "dev", "cni0", "classid", "2:5", "htb", "rate", "1mbit")
            try Command.run(Self.tc, ["qdisc", "add", "dev", "cni0", "parent", "2:5", "pfifo", "limit", "9"])
            let all = try network.host.queueingDisciplines()
            #expect(all.count == (try SystemTools.tc("qdisc", "show").count))
            let inner = try #require(all.first { $0.kind == "pfifo" })
            #expect(
                inner.parent == .classNumber(0x0002_0005) && !inner.shapes && inner.interfaceIndex == network.bridge)
        }
    }

    @Test func hooksAreOursOrSomebodyElses() throws {
        try TestNamespace.run {
            let network = try PodNetwork()
            try network.host.perform(.addHooks(to: network.port))
            let seen = try SystemTools.tc("qdisc", "show", "dev", "vethabc", "clsact")
            #expect(seen.first?["kind"]?.stringValue == "clsact" && seen.first?["parent"]?.stringValue == "ffff:fff1")
            let again = #expect(throws: SystemError.self) { try network.host.perform(.addHooks(to: network.port)) }
            #expect(again?.code == EEXIST && again?.operation == "add hooks")
            try network.host.perform(.deleteHooks(from: network.port))
            #expect(try SystemTools.tc("qdisc", "show", "dev", "vethabc", "clsact").isEmpty)
            let missing = #expect(throws: SystemError.self) {
                try network.host.perform(.deleteHooks(from: network.port))
            }
            #expect(missing?.code == ENOENT || missing?.code == EINVAL, "\(String(describing: missing))")

            try Command.run(Self.tc, "qdisc", "add", "dev", "vethabc", "ingress")
            let taken = #expect(throws: SystemError.self) { try network.host.perform(.addHooks(to: network.port)) }
            #expect(taken?.code == EEXIST)
            let foreign = #expect(throws: SystemError.self) {
                try network.host.perform(.deleteHooks(from: network.port))
            }
            #expect(foreign?.code == EINVAL, "\(String(describing: foreign))")
            #expect(try network.host.queueingDisciplines(on: network.port).contains { $0.kind == "ingress" })
        }
    }

    @Test func programsAreAttachedReplacedListedAndDeleted() throws {
        try TestNamespace.run {
            let network = try PodNetwork()
            let first = try TestProgram.load(named: "first")
            let second = try TestProgram.load(named: "second")
            try network.host.perform([
                .addHooks(to: network.port),
                .replaceProgram(first.raw, name: "warrens_in", on: network.port, .ingress, priority: 7),
                .replaceProgram(first.raw, name: "warrens_out", on: network.port, .egress, priority: 8, handle: 3),
            ])
            let former = try network.host.filters(on: network.port)
            #expect(former.map(\.direction) == [.ingress, .egress] && former.map(\.kind) == ["bpf", "bpf"])
            try network.host.perform(
                .replaceProgram(second.raw, name: "warrens_in2", on: network.port, .ingress, priority: 7))

            let filters = try network.host.filters(on: network.port)
            #expect(filters.count == 2 && filters[1] == former[1])
            let replaced = try #require(filters.first)
            let program = try #require(replaced.program)
            #expect(replaced.priority == 7 && replaced.handle == 1 && replaced.etherType == 3 && replaced.chain == 0)
            #expect(program.name == "warrens_in2" && program.isDirect && program.id != former[0].program?.id)
            #expect(filters[1].priority == 8 && filters[1].handle == 3)

            let seen = try SystemTools.tc("filter", "show", "dev", "vethabc", "ingress").last
            let options = try #require(seen?["options"]?.objectValue)
            let loaded = try #require(options["prog"]?.objectValue)
            #expect(options["bpf_name"]?.stringValue == "warrens_in2" && loaded["name"]?.stringValue == "second")
            #expect(loaded["id"]?.intValue == program.id.map(Int.init))
            let tag = program.tag.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
            #expect(loaded["tag"]?.stringValue == tag && program.tag.count == 8)

            try network.host.perform(.deleteFilter(replaced))
            #expect(try network.host.filters(on: network.port) == [former[1]])
            #expect(try SystemTools.tc("filter", "show", "dev", "vethabc", "ingress").isEmpty)
            let gone = #expect(throws: SystemError.self) { try network.host.perform(.deleteFilter(replaced)) }
            #expect(gone?.code == ENOENT)
            try network.host.perform(.deleteHooks(from: network.port))
            #expect(try network.host.filters(on: network.port).isEmpty)
            let nowhere = #expect(throws: SystemError.self) {
                try network.host.perform(
                    .replaceProgram(first.raw, name: "warrens_in", on: network.port, .ingress, priority: 7))
            }
            #expect(nowhere?.code == EINVAL || nowhere?.code == ENOENT, "\(String(describing: nowhere))")
        }
    }

    @Test func filtersOfOthersAreSeen() throws {
        try TestNamespace.run {
            let network = try PodNetwork()
            try Command.run(Self.tc, "qdisc", "add", "dev", "vethabc", "ingress")
            let match = ["protocol", "ip", "pref", "3", "u32", "match", "ip", "dst", "192.0.2.1/32", "flowid", "1:1"]
            try Command.run(Self.tc, ["filter", "add", "dev", "vethabc", "ingress"] + match)
            try Command.run(
                Self.tc, "filter", "add", "dev", "vethabc", "ingress", "pref", "4", "bpf", "bytecode", "1,6 0 0 0,")
            let filters = try network.host.filters(on: network.port)
            #expect(filters.map(\.kind) == ["u32", "bpf"] && filters.map(\.priority) == [3, 4])
            #expect(filters[0].etherType == 0x0800 && filters[0].program == nil)
            #expect(filters[1].program?.id == nil && filters[1].program?.isDirect == false)
            #expect(filters.allSatisfy { $0.direction == .ingress && $0.interfaceIndex == network.port })
            try network.host.perform(filters.map { .deleteFilter($0) })
            #expect(try network.host.filters(on: network.port).isEmpty)
            #expect(try network.host.filters(on: 9999).isEmpty)
        }
    }
}
