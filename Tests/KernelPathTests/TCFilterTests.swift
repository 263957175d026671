import Glibc
import Host
import KernelEye
import Netlink
import Testing

@testable import KernelPath

@Suite(.enabled(if: getuid() == 0, "needs root, to make network namespaces"))
struct TCFilterTests {
    private static let tc = "/usr/sbin/tc"

    /// What tc(8) says of the loopback device's hooks and filters.
    private func seen() throws -> (hooks: Int, filters: Int) {
        let hooks = try Command.run(Self.tc, "qdisc", "show", "dev", "lo")
        let filters = try ["ingress", "egress"].map { try Command.run(Self.tc, "filter", "show", "dev", "lo", $0) }
        func lines(_ text: String, _ part: String) -> Int { text.split(separator: "\n").count { $0.contains(part) } }
        return (lines(hooks, "ffff:"), filters.reduce(0) { $0 + lines($1, "direct-action") })
    }

    @Test func countsWhatPassesAndLeavesNothing() throws {
        try TestNamespace.run {
            let loopback = try Loopback()
            let counting = try Counting()
            let egress = try TCFilter(
                counting.first, named: "first", at: HookPoint(device: loopback.device, .egress), makesHooks: true)
            let ingress = try TCFilter(
                counting.second, named: "second", at: HookPoint(device: loopback.device, .ingress), makesHooks: true)
            #expect(try loopback.send(10) == 10)
            #expect(try counting.packets() == [10, 10])
            #expect(try egress.programID() == counting.first.identity.id)
            #expect(try seen() == (1, 2))
            try egress.detach()
            try egress.detach()
            #expect(try egress.programID() == nil)
            #expect(try seen() == (1, 1))
            try ingress.detach()
            #expect(try seen() == (0, 0))
        }
    }

    @Test func replacedUnderTrafficNoPacketGoesUnseen() throws {
        try TestNamespace.run {
            let loopback = try Loopback()
            let counting = try Counting()
            let filter = try TCFilter(
                counting.first, named: "first", at: HookPoint(device: loopback.device, .egress), makesHooks: true)
            try expectEachPacketSeen(loopback, counting) { program in try filter.replace(by: program) }
            #expect(try seen() == (1, 1))
        }
    }

    @Test func isFoundAgainAndTakenOver() throws {
        try TestNamespace.run {
            let loopback = try Loopback()
            let counting = try Counting()
            let point = HookPoint(device: loopback.device, .ingress)
            #expect(try TCFilter(presentAt: point) == nil)
            _ = try TCFilter(counting.first, named: "first", at: point, makesHooks: true)
            #expect(try TCFilter.present().map(\.point) == [point])
            // The second one is attached over the first, and still knows whose the hooks are.
            _ = try TCFilter(counting.second, named: "second", at: point, makesHooks: true)
            #expect(try seen() == (1, 1))
            let found = try #require(try TCFilter(presentAt: point))
            #expect(try found.programID() == counting.second.identity.id)
            try found.detach()
            #expect(try seen() == (0, 0))
        }
    }

    @Test func hooksOfOthersStay() throws {
        try TestNamespace.run {
            let loopback = try Loopback()
            let counting = try Counting()
            let ingress = HookPoint(device: loopback.device, .ingress)
            let egress = HookPoint(device: loopback.device, .egress)
            #expect { try TCFilter(counting.first, named: "first", at: ingress, makesHooks: false) } throws: {
                ($0 as? SystemError)?.code == ENOENT
            }
            // As the CNI plugin "bandwidth" does.
            try Command.run(Self.tc, "qdisc", "add", "dev", "lo", "ingress")
            #expect { try TCFilter(counting.first, named: "first", at: egress, makesHooks: true) } throws: {
                ($0 as? SystemError)?.code == EBUSY
            }
            let filter = try TCFilter(counting.first, named: "first", at: ingress, makesHooks: true)
            _ = try loopback.send(2)
            #expect(try counting.packets() == [2, 0])
            try filter.detach()
            #expect(try seen() == (1, 0))
            try Command.run(Self.tc, "qdisc", "delete", "dev", "lo", "ingress")

            try Command.run(Self.tc, "qdisc", "add", "dev", "lo", "clsact")
            try TCFilter(counting.first, named: "first", at: egress, makesHooks: true).detach()
            #expect(try seen() == (1, 0))
        }
    }

    @Test func foreignFiltersStay() throws {
        try TestNamespace.run {
            let loopback = try Loopback()
            let counting = try Counting()
            let point = HookPoint(device: loopback.device, .egress)
            let filter = try TCFilter(counting.first, named: "first", at: point, makesHooks: true)
            let socket = try RouteSocket()
            func addForeign(priority: UInt16, handle: UInt32) throws {
                let program = try TestProgram.load(named: "foreign")
                try socket.perform(
                    .replaceProgram(
                        program.raw, name: "foreign", on: loopback.device, .egress, priority: priority, handle: handle))
            }
            try addForeign(priority: 1, handle: 1)
            try filter.detach()
            // Our hooks are in use by now.
            #expect(try seen() == (1, 1))

            try addForeign(priority: TCFilter.usualPriority, handle: 0x5741_5252)
            #expect { try TCFilter(counting.first, named: "first", at: point, makesHooks: true) } throws: {
                ($0 as? SystemError)?.code == EBUSY
            }
            #expect(try TCFilter(presentAt: point) == nil && TCFilter.present().isEmpty)
            #expect(try filter.programID() == nil)
            try filter.detach()
            #expect(try seen() == (1, 2))
        }
    }
}
