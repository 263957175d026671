import Glibc
import Host
import KernelEye
import Netlink
import Testing

@testable import KernelPath

@Suite(.enabled(if: getuid() == 0, "needs root, to make network namespaces"), Kernel.needsTCX)
struct TCXLinkTests {
    @Test func countsWhatPassesUntilItGoes() throws {
        try TestNamespace.run {
            let loopback = try Loopback()
            let counting = try Counting()
            let point = HookPoint(device: loopback.device, .egress)
            do {
                let link = try TCXLink(counting.first, at: point)
                #expect(link.point == point)
                #expect(try link.programID() == counting.first.identity.id)
                #expect(try TCXLink.programs(at: point) == [counting.first.identity.id])
                #expect(try loopback.send(10, length: 72) == 10)
                // 14 bytes of Ethernet header, 20 of IPv4, 8 of UDP.
                #expect(try counting.passed.total(0) == [10, 10 * 114])
            }
            #expect(try TCXLink.programs(at: point) == [])
        }
    }

    @Test func sharesTheHook() throws {
        try TestNamespace.run {
            let loopback = try Loopback()
            let counting = try Counting()
            let point = HookPoint(device: loopback.device, .ingress)
            let late = try TCXLink(counting.first, at: point)
            let early = try TCXLink(counting.second, at: point, .first)
            #expect(try TCXLink.programs(at: point) == [counting.second, counting.first].map(\.identity.id))
            _ = try loopback.send(3)
            #expect(try counting.packets() == [3, 3])
            try early.detach()
            try early.detach()
            #expect(try early.programID() == nil)
            #expect(try TCXLink.programs(at: point) == [counting.first.identity.id])
            _ = late.point
        }
    }

    @Test func replacedUnderTrafficNoPacketGoesUnseen() throws {
        try TestNamespace.run {
            let loopback = try Loopback()
            let counting = try Counting()
            let link = try TCXLink(counting.first, at: HookPoint(device: loopback.device, .egress))
            try expectEachPacketSeen(loopback, counting) { program in try link.replace(by: program) }
        }
    }

    @Test func staysByItsPin() throws {
        try withFileSystem { pins in
            try TestNamespace.run {
                let loopback = try Loopback()
                let counting = try Counting()
                let point = HookPoint(device: loopback.device, .egress)
                do { _ = try TCXLink(counting.first, at: point, pinnedAt: pins.pin("egress")) }
                #expect(try loopback.send(3) == 3)
                #expect(try counting.packets() == [3, 0])
                let link = try TCXLink(pinnedAt: pins.pin("egress"))
                #expect(link.point == point)
                try link.replace(by: counting.second)
                _ = try loopback.send(3)
                #expect(try counting.packets() == [3, 3])
                try link.detach()
                #expect(try TCXLink.programs(at: point) == [])
                #expect(try pins.pins() == [])
            }
        }
    }

    @Test func deviceThatGoesTakesTheProgramAlong() throws {
        try TestNamespace.run {
            let counting = try Counting()
            try Command.run("/usr/sbin/ip", "link", "add", "pod", "type", "veth", "peer", "name", "peer")
            let device = Int32(unsafe if_nametoindex("pod"))
            let link = try TCXLink(counting.first, at: HookPoint(device: device, .ingress))
            try Command.run("/usr/sbin/ip", "link", "delete", "pod")
            #expect(try link.programID() == nil)
            try link.detach()
            #expect { try TCXLink(counting.first, at: link.point) } throws: { ($0 as? SystemError)?.code == ENODEV }
        }
    }
}
