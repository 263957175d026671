import Glibc
import Host
import KernelEye
import Netlink
import Testing

@testable import KernelPath

@Suite(.enabled(if: getuid() == 0, "needs root, to make network namespaces"))
struct StandingHooksTests {
    @Test(Kernel.needsTCX) func staysAndIsTakenOverByTCX() throws {
        try expectTakeOver(usesTCX: true)
    }

    @Test func staysAndIsTakenOverByFilters() throws {
        try expectTakeOver(usesTCX: false)
    }

    private func expectTakeOver(usesTCX: Bool) throws {
        try withFileSystem { pins in
            try TestNamespace.run {
                let loopback = try Loopback()
                let counting = try Counting()
                let place = StandingHooks.Place("to_pod", HookPoint(device: loopback.device, .egress))
                let other = StandingHooks.Place("uplink", HookPoint(device: loopback.device, .ingress))
                do { _ = try StandingHooks(pins: pins, usesTCX: usesTCX).attach(counting.first, at: place) }
                try loopback.send(2)

                // As the next process finds it.
                let hooks = StandingHooks(pins: pins, usesTCX: usesTCX)
                let left = try hooks.all()
                #expect(Array(left.keys) == [place])
                #expect(try left[place]?.programID() == counting.first.identity.id)
                let hook = try hooks.attach(counting.second, at: place)
                try loopback.send(2)
                #expect(try counting.packets() == [2, 2])
                #expect(try hook.programID() == counting.second.identity.id)

                _ = try hooks.attach(counting.second, at: other)
                #expect(try Set(hooks.all().keys) == [place, other])
                for hook in try hooks.all().values { try hook.detach() }
                #expect(try hooks.all().isEmpty && pins.pins().isEmpty)
                #expect(try !Command.run("/usr/sbin/tc", "qdisc", "show", "dev", "lo").contains("clsact"))
            }
        }
    }

    @Test(Kernel.needsTCX) func oneWayTakesThePlaceOfTheOther() throws {
        try withFileSystem { pins in
            try TestNamespace.run {
                let loopback = try Loopback()
                let counting = try Counting()
                let place = StandingHooks.Place("to_pod", HookPoint(device: loopback.device, .egress))
                let byFilter = StandingHooks(pins: pins, usesTCX: false)
                let byTCX = StandingHooks(pins: pins, usesTCX: true)
                _ = try byFilter.attach(counting.first, at: place)
                #expect(try byTCX.attach(counting.second, at: place) is TCXLink)
                try loopback.send(1)
                #expect(try counting.packets() == [0, 1])
                #expect(try byFilter.attach(counting.first, at: place) is TCFilter)
                try loopback.send(1)
                #expect(try counting.packets() == [1, 1] && pins.pins().isEmpty)
            }
        }
    }

    @Test(Kernel.needsTCX) func pinsOfDevicesThatAreGoneGo() throws {
        try withFileSystem { pins in
            try TestNamespace.run {
                let counting = try Counting()
                let hooks = StandingHooks(pins: pins, usesTCX: true)
                try Command.run("/usr/sbin/ip", "link", "add", "pod", "type", "veth", "peer", "name", "peer")
                let point = HookPoint(device: Int32(unsafe if_nametoindex("pod")), .ingress)
                _ = try hooks.attach(counting.first, at: StandingHooks.Place("pod", point))
                try Command.run("/usr/sbin/ip", "link", "delete", "pod")
                #expect(try pins.pins().count == 1)
                #expect(try hooks.all().isEmpty && pins.pins().isEmpty)
            }
        }
    }

    @Test func anotherNameAtTheSameFilterTakesItsPlace() throws {
        try withFileSystem { pins in
            try TestNamespace.run {
                let loopback = try Loopback()
                let counting = try Counting()
                let hooks = StandingHooks(pins: pins, usesTCX: false)
                let point = HookPoint(device: loopback.device, .ingress)
                let former = try hooks.attach(counting.first, at: StandingHooks.Place("uplink", point))
                let place = StandingHooks.Place("bare_uplink", point)
                _ = try hooks.attach(counting.second, at: place)
                #expect(try former.programID() == nil)
                try former.detach()
                #expect(try Array(hooks.all().keys) == [place])
            }
        }
    }
}
