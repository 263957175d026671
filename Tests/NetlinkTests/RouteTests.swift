import Addressing
import Glibc
import Host
import KernelEye
import Netlink
import Testing

@Suite(.enabled(if: getuid() == 0, "needs root, to make network namespaces"))
struct RouteTests {
    @Test func aPodsWholeNetworkIsMade() throws {
        try TestNamespace.run {
            let host = try RouteSocket()
            let origin = try NetworkNamespace.current()
            try TestNamespace.enterNew()
            let pod = try NetworkNamespace.current()
            let inside = try RouteSocket()
            try origin.enter()

            let bridgeMAC = MACAddress(locallyAdministered: 7)
            let bridge = Bridge(name: "cni0", mac: bridgeMAC, mtu: 1400, snoopsMulticast: false)
            try host.perform(.createBridge(bridge))
            #expect(throws: SystemError.self) { try host.perform(.createBridge(bridge)) }
            try host.perform(.createBridge(bridge).toleratingExistence())
            let cni0 = try #require(try host.link(named: "cni0"))
            #expect(cni0.isBridge && cni0.isUp && cni0.mac == bridgeMAC && cni0.mtu == 1400)

            let hostMAC = MACAddress(locallyAdministered: 8)
            let podMAC = MACAddress(locallyAdministered: 9)
            try host.perform(
                .createVeth(
                    VethEnd(
                        name: "vethabc", mac: hostMAC, mtu: 1400, gsoMaxSize: 65536), isUp: true, master: cni0.index,
                    peer: VethEnd(
                        name: "eth0", mac: podMAC, mtu: 1400, namespaceDescriptor: pod.descriptor,
                        gsoMaxSize: 65536, gsoIPv4MaxSize: 65536)))
            let veth = try #require(try host.link(named: "vethabc"))
            #expect(veth.isVeth && veth.mac == hostMAC && veth.master == cni0.index && veth.mtu == 1400)
            #expect(veth.peerNamespaceID != nil)
            let eth0 = try #require(try inside.link(named: "eth0"))
            #expect(eth0.mac == podMAC && eth0.index == veth.peerIndex && !eth0.isUp && eth0.mtu == 1400)
            try inside.perform(
                .changeLink(eth0.index, LinkChange(isUp: true, addressGeneration: AddressGeneration.none)))
            #expect(try inside.link(index: eth0.index)?.isUp == true)
            #expect(try host.link(named: "eth0") == nil)
            #expect(try host.links(master: cni0.index).map(\.name) == ["vethabc"])

            let flags = BridgePort(hairpin: true, isolated: true, learning: false)
            try host.perform(.changeBridgePort(veth.index, flags))
            let port = try #require(try host.link(index: veth.index)?.bridgePort)
            #expect(port.hairpin == true && port.isolated == true && port.learning == false)

            let table: UInt32 = 31337
            let address4 = try #require(IPPrefix("10.1.2.8/32")), address6 = try #require(IPPrefix("fd00::8/128"))
            let own = try #require(IPPrefix("10.1.2.2/24")), own6 = try #require(IPPrefix("fd00::2/112"))
            let overlay = try #require(IPPrefix("10.0.0.0/8")), overlay6 = try #require(IPPrefix("fd00::/48"))
            let requests: [RouteRequest] = [
                .addAddress(InterfaceAddress(own, skipsDuplicateDetection: true), to: cni0.index),
                .addAddress(
                    InterfaceAddress(own6, skipsDuplicateDetection: true, addsNoPrefixRoute: true), to: cni0.index),
                .replaceRoute(Route(to: address4, interfaceIndex: cni0.index)),
                .replaceRoute(Route(to: address6, interfaceIndex: cni0.index)),
                .replaceRoute(Route(to: overlay, kind: .unreachable, metric: 4096)),
                .replaceRoute(Route(to: overlay6, kind: .unreachable, metric: 4096)),
                .replaceRoute(Route(to: own.network, kind: .throw, table: table)),
                .replaceRoute(
                    Route(to: overlay, interfaceIndex: cni0.index, source: own.address, table: table, mtu: 1300)),
                .replaceNeighbour(Neighbour(permanent: address4.address, mac: podMAC, interfaceIndex: cni0.index)),
                .replaceNeighbour(Neighbour(permanent: address6.address, mac: podMAC, interfaceIndex: cni0.index)),
            ]
            try host.perform(requests)
            let rule = { (family: IPFamily) in
                RoutingRule(family: family, priority: 3133, table: table, mark: 0x5741_5252, isInverted: true)
            }
            try host.perform([.addRule(rule(.v4)), .addRule(rule(.v6))])
            #expect(throws: SystemError.self) { try host.perform(.addRule(rule(.v4))) }
            #expect(try host.rules().filter { $0.priority == 3133 } == [rule(.v4), rule(.v6)])
            #expect(try host.addresses(on: cni0.index).map(\.prefix).filter { !$0.address.isLinkLocal } == [own, own6])
            #expect(try host.neighbours(on: cni0.index).count == 2)
            let overlays = try host.routes(table: table)
            #expect(overlays.map(\.kind) == [.unicast, .throw] && overlays.first?.mtu == 1300)
            #expect(overlays.first?.source == own.address && overlays.first?.interfaceIndex == cni0.index)
            #expect(try host.route(to: address4.address).interfaceIndex == cni0.index)
            #expect(try host.route(to: address6.address).interfaceIndex == cni0.index)
            let refused = #expect(throws: SystemError.self) {
                try host.route(to: IPAddress("10.9.9.9") ?? own.address, mark: 0x5741_5252)
            }
            #expect(refused?.code == EHOSTUNREACH)

            let gone: [RouteRequest] = [
                .deleteRoute(Route(to: overlay, kind: .unreachable, metric: 4096)),
                .deleteRoute(Route(to: overlay6, kind: .unreachable, metric: 4096)),
                .deleteRoute(Route(to: own.network, kind: .throw, table: table)),
                .deleteNeighbour(address4.address, on: cni0.index), .deleteNeighbour(address6.address, on: cni0.index),
                .deleteAddress(own, from: cni0.index), .deleteRule(rule(.v4)), .deleteRule(rule(.v6)),
                .deleteLink(named: "vethabc"),
            ]
            try host.perform(gone)
            #expect(try inside.link(named: "eth0") == nil && host.link(named: "vethabc") == nil)
            let again: [RouteRequest] = [
                .deleteRoute(Route(to: overlay, kind: .unreachable, metric: 4096)), .deleteRule(rule(.v6)),
                .deleteNeighbour(address4.address, on: cni0.index), .deleteAddress(own, from: cni0.index),
                .deleteLink(named: "vethabc"),
            ]
            try host.perform(again.map { $0.toleratingAbsence() })
            let missing = #expect(throws: SystemError.self) { try host.perform(.deleteLink(named: "vethabc")) }
            #expect(missing?.description == "delete link vethabc: No such device (errno 19)")
        }
    }
}
