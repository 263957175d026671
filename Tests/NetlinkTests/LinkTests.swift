import Addressing
import Glibc
import Host
import KernelEye
import Netlink
import Testing

@Suite(.enabled(if: getuid() == 0, "needs root, to make network namespaces"))
struct LinkTests {
    @Test func aVethPairIsBornInItsTwoNamespaces() throws {
        try TestNamespace.run {
            let network = try PodNetwork()
            let bridge = try #require(try KernelState.link(named: "cni0"))
            #expect(bridge.kind == "bridge" && bridge.isUp && bridge.mac == PodNetwork.bridgeMAC && bridge.mtu == 1400)
            let host = try #require(try KernelState.link(named: "vethabc"))
            #expect(host.kind == "veth" && host.isUp && host.mac == PodNetwork.hostMAC && host.mtu == 1400)
            #expect(host.master == bridge.index && host.peerIndex == network.interface)
            #expect(try KernelState.link(named: "eth0") == nil)

            try network.pod.enter()
            let pod = try #require(try KernelState.link(named: "eth0"))
            #expect(pod.mac == PodNetwork.podMAC && pod.mtu == 1400 && pod.index == network.interface && pod.isUp)
            let veths = try KernelState.links().filter { $0.kind == "veth" }
            #expect(veths.map(\.name) == ["eth0"], "nothing is left over")
        }
    }

    @Test func linksReadAsTheyAre() throws {
        try TestNamespace.run {
            let network = try PodNetwork()
            let host = try #require(try network.host.link(named: "vethabc"))
            #expect(host.isVeth && host.isUp && host.hasCarrier && host.operationalState == .up)
            #expect(host.master == network.bridge && host.peerNamespaceID != nil && host.gsoMaxSize == 65000)
            let pod = try #require(try network.inside.link(named: "eth0"))
            #expect(pod.gsoMaxSize == 65000 && pod.mac == PodNetwork.podMAC)
            #expect([nil, 64000].contains(pod.gsoIPv4MaxSize), "Linux 6.3 brought it")
            #expect(try network.host.link(index: host.index)?.name == "vethabc")
            #expect(try network.host.links(master: network.bridge).map(\.name) == ["vethabc"])
            let names = Set(try network.host.links().map(\.name))
            #expect(
                try names.isSuperset(of: ["cni0", "lo", "vethabc"]) && names == Set(KernelState.links().map(\.name)))
            #expect(try network.host.link(named: "nonsense") == nil && network.host.link(index: 99) == nil)
            let loopback = try #require(try network.host.link(named: "lo"))
            #expect(loopback.isLoopback && loopback.mac == nil && !loopback.isUp)
        }
    }

    @Test func countersCountWhatWentThrough() throws {
        try TestNamespace.run {
            let network = try PodNetwork()
            // Coming up, IPv6 has sent something by itself.
            let deadline = time(nil) + 5
            while try network.host.link(index: network.port)?.statistics.receivedPackets == 0, time(nil) < deadline {
                usleep(10_000)
            }
            let seen = try #require(try network.host.link(index: network.port)).statistics
            #expect(seen.receivedPackets > 0 && seen.receivedBytes >= seen.receivedPackets * 14)
        }
    }

    @Test func ofTwoWhoMakeABridgeOneSucceeds() throws {
        try TestNamespace.run {
            let bridge = Bridge(name: "cni0", mac: PodNetwork.bridgeMAC)
            let socket = try RouteSocket()
            try socket.perform(.createBridge(bridge))
            let error = #expect(throws: SystemError.self) { try socket.perform(.createBridge(bridge)) }
            #expect(error?.code == EEXIST && error?.subject == "cni0" && error?.operation == "create bridge")
            try socket.perform(.createBridge(bridge).toleratingExistence())
            for name in ["stp_state", "forward_delay"] {
                let path = "/sys/class/net/cni0/bridge/\(name)"
                // /sys belongs to the namespace in which it was mounted, so it may not show this bridge.
                if let value = try Files.readIfPresent(path) { #expect(value == Array("0\n".utf8)) }
            }
        }
    }

    @Test func portsAndLinksAreChanged() throws {
        try TestNamespace.run {
            let network = try PodNetwork()
            let flags = BridgePort(hairpin: true, isolated: true, learning: false)
            try network.host.perform([
                .changeBridgePort(network.port, flags),
                .changeLink(network.bridge, LinkChange(mtu: 1300, isPromiscuous: true)),
                .replaceForwardingEntry(PodNetwork.podMAC, on: network.port),
            ])
            let port = try #require(try KernelState.link(named: "vethabc")?.bridgePort)
            #expect(port.hairpin && port.isolated && !port.learning)
            let read = try #require(try network.host.link(index: network.port)?.bridgePort)
            #expect(read.hairpin == true && read.isolated == true && read.learning == false && read.locked == false)
            let bridge = try #require(try KernelState.link(named: "cni0"))
            #expect(bridge.mtu == 1300 && bridge.isPromiscuous && bridge.isUp)
            #expect(try network.host.link(index: network.bridge)?.promiscuity == 1)

            let mac = MACAddress(locallyAdministered: 77)
            try network.host.perform([
                .deleteForwardingEntry(PodNetwork.podMAC, on: network.port),
                .changeLink(network.bridge, LinkChange(isUp: false, mac: mac, isPromiscuous: false)),
                .changeLink(network.bridge, LinkChange(name: "cni1")),
                .changeLink(network.port, LinkChange(master: 0)),
            ])
            let renamed = try #require(try KernelState.link(named: "cni1"))
            #expect(!renamed.isUp && renamed.mac == mac && !renamed.isPromiscuous)
            #expect(try KernelState.link(named: "vethabc")?.master == nil)
        }
    }

    @Test func oneEndTakesTheOtherWithIt() throws {
        try TestNamespace.run {
            let network = try PodNetwork()
            try network.host.perform(.deleteLink(named: "vethabc"))
            #expect(try network.inside.link(named: "eth0") == nil && KernelState.link(named: "vethabc") == nil)
            let missing = #expect(throws: SystemError.self) {
                try network.host.perform(.deleteLink(named: "vethabc"))
            }
            #expect(missing?.description == "delete link vethabc: No such device (errno 19)")
            try network.host.perform(.deleteLink(network.port).toleratingAbsence())
        }
    }

    @Test func aTakenNameIsAnErrorAndLeavesNothing() throws {
        try TestNamespace.run {
            let network = try PodNetwork()
            let error = #expect(throws: SystemError.self) {
                try network.host.perform(
                    .createVeth(
                        VethEnd(name: "vethnew"),
                        peer: VethEnd(name: "eth0", namespaceDescriptor: network.pod.descriptor)))
            }
            #expect(error?.code == EEXIST)
            #expect(try KernelState.link(named: "vethnew") == nil)
        }
    }
}
