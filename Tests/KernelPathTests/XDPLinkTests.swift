import Glibc
import Host
import KernelEye
import Testing

@testable import KernelPath

@Suite(.enabled(if: getuid() == 0, "needs root, to make network namespaces"))
struct XDPLinkTests {
    @Test(arguments: [XDPLink.Mode.generic, .native])
    func isAttachedReplacedAndGone(_ mode: XDPLink.Mode) throws {
        try withFileSystem { pins in
            try TestNamespace.run {
                let counting = try Counting()
                try Command.run("/usr/sbin/ip", "link", "add", "pod", "type", "veth", "peer", "name", "peer")
                let device = Int32(unsafe if_nametoindex("pod"))
                do { _ = try XDPLink(counting.pass, device: device, mode, pinnedAt: pins.pin("xdp")) }
                #expect { try XDPLink(counting.pass, device: device, mode) } throws: {
                    ($0 as? SystemError)?.code == EBUSY
                }
                let link = try XDPLink(pinnedAt: pins.pin("xdp"))
                #expect(link.device == device)
                #expect(try link.programID() == counting.pass.identity.id)
                try link.replace(by: counting.pass)
                #expect(throws: SystemError.self) { try link.replace(by: counting.first) }
                #expect(throws: SystemError.self) { try TCXLink(pinnedAt: pins.pin("xdp")) }
                try link.detach()
                #expect(try pins.pins() == [])
                #expect(try !Command.run("/usr/sbin/ip", "link", "show", "pod").contains("xdp"))
            }
        }
    }
}
