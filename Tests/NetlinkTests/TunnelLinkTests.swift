import Addressing
import Glibc
import Host
import JSON
import KernelEye
import Netlink
import Testing

/// Devices that help to receive what comes through the tunnel.
@Suite(.enabled(if: getuid() == 0, "needs root, to make network namespaces"))
struct TunnelLinkTests {
    @Test func aPairWithBothEndsHereHasNoAddresses() throws {
        try TestNamespace.run {
            let socket = try RouteSocket()
            for mtu in [1400, 1300] {
                let pair = try socket.ensureVethPair("loop0", "loop1", mtu: mtu)
                #expect(pair.first.name == "loop0" && pair.second.name == "loop1")
                #expect(pair.first.peerIndex == pair.second.index && pair.first.peerNamespaceID == nil)
                for name in ["loop0", "loop1"] {
                    let seen = try #require(try SystemTools.ip("link", "show", name).first)
                    #expect(seen["linkinfo"]?.objectValue?["info_kind"]?.stringValue == "veth")
                    #expect(seen["mtu"]?.intValue == mtu && seen["operstate"]?.stringValue == "UP")
                    let addresses = try SystemTools.ip("address", "show", "dev", name).first
                    #expect(addresses?["addr_info"]?.arrayValue?.isEmpty == true)
                }
            }
            try socket.perform(.createBridge(Bridge(name: "other")))
            let taken = #expect(throws: SystemError.self) { try socket.ensureVethPair("other", "loop2", mtu: 1400) }
            #expect(taken?.code == EEXIST && taken?.detail.contains("delete or rename") == true)
            #expect(throws: SystemError.self) { try socket.ensureVethPair("loop0", "loop2", mtu: 1400) }
            #expect(try KernelState.link(named: "loop2") == nil, "nothing is left over")
        }
    }

    @Test func aVxlanDeviceForAllPeers() throws {
        try TestNamespace.run {
            let socket = try RouteSocket()
            try socket.perform(.createVxlan(VxlanDevice(name: "gpe0", port: 31337, mtu: 1400)))
            let seen = try #require(try SystemTools.ip("link", "show", "gpe0").first)
            #expect(seen["mtu"]?.intValue == 1400 && seen["operstate"]?.stringValue == "DOWN")
            let info = try #require(seen["linkinfo"]?.objectValue)
            let data = try #require(info["info_data"]?.objectValue)
            #expect(info["info_kind"]?.stringValue == "vxlan" && data["port"]?.intValue == 31337)
            #expect(data["gpe"]?.boolValue == true && data["external"]?.boolValue == true)
            #expect(data["learning"]?.boolValue == false && data["udp_zero_csum6_rx"]?.boolValue == true)

            let link = try #require(try socket.link(named: "gpe0"))
            #expect(link.kind == "vxlan" && !link.isUp && !link.hasEthernetHeader && link.mac == nil)
            let again = #expect(throws: SystemError.self) {
                try socket.perform(.createVxlan(VxlanDevice(name: "gpe0", port: 31338)))
            }
            #expect(again?.code == EEXIST && again?.subject == "gpe0")
        }
    }

    @Test func aPortThatAProcessHasIsRefused() throws {
        try TestNamespace.run {
            let socket = try RouteSocket()
            let holder = OwnedDescriptor(
                owning: try retrying("socket", "") { Glibc.socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0) })
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = UInt16(31337).bigEndian
            try retrying("bind", "31337") {
                unsafe withUnsafePointer(to: &address) {
                    unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                        unsafe bind(holder.raw, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                    }
                }
            }
            try socket.perform(.createVxlan(VxlanDevice(name: "gpe0", port: 31337)))
            let index = try #require(try socket.link(named: "gpe0")?.index)
            let refused = #expect(throws: SystemError.self) {
                try socket.perform(.changeLink(index, LinkChange(isUp: true)))
            }
            #expect(refused?.code == EADDRINUSE)
            _ = holder
        }
    }

    @Test func sizesAndHeadersOfLinks() throws {
        try TestNamespace.run {
            let network = try PodNetwork()
            try network.host.perform(
                .changeLink(
                    network.port,
                    LinkChange(gsoMaxSize: 50000, gsoIPv4MaxSize: 40000, groMaxSize: 30000, groIPv4MaxSize: 20000)))
            let link = try #require(try network.host.link(index: network.port))
            #expect(link.gsoMaxSize == 50000 && link.groMaxSize == 30000)
            // The IPv4 sizes came with Linux 6.3.
            #expect([nil, 40000].contains(link.gsoIPv4MaxSize) && [nil, 20000].contains(link.groIPv4MaxSize))
            let seen = try #require(try SystemTools.ip("link", "show", "vethabc").first)
            #expect(seen["gso_max_size"]?.intValue == 50000 && seen["gro_max_size"]?.intValue == 30000)
            #expect(link.hardwareType == 1 && link.hasEthernetHeader)
            #expect(try network.host.link(named: "lo")?.hasEthernetHeader == true)
            try Command.run("/usr/sbin/ip", "tuntap", "add", "tun9", "mode", "tun")
            let tunnel = try #require(try network.host.link(named: "tun9"))
            #expect(tunnel.hardwareType == 0xfffe && !tunnel.hasEthernetHeader)
        }
    }
}
