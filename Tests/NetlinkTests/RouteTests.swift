import Addressing
import Glibc
import Host
import KernelEye
import Netlink
import Testing

@Suite(.enabled(if: getuid() == 0, "needs root, to make network namespaces"))
struct RouteTests {
    private static let table: UInt32 = 31337
    private static let mark: UInt32 = 0x5741_5252

    /// What the test's literals stand for.
    private static func prefix(_ text: String) throws -> IPPrefix { try #require(IPPrefix(text)) }

    @Test func addressesAreAddedListedAndDeleted() throws {
        try TestNamespace.run {
            let network = try PodNetwork()
            let own4 = try Self.prefix("10.1.2.2/24"), own6 = try Self.prefix("fd00::2/112")
            try network.host.perform([
                .addAddress(InterfaceAddress(own4), to: network.bridge),
                .addAddress(
                    InterfaceAddress(own6, skipsDuplicateDetection: true, addsNoPrefixRoute: true), to: network.bridge),
            ])
            let seen = try KernelState.addresses().filter { $0.index == network.bridge && $0.scope == 0 }
            #expect(seen.map(\.prefix) == [own4, own6])
            #expect(seen.last?.skipsDuplicateDetection == true && seen.last?.addsNoPrefixRoute == true)
            #expect(seen.last?.isTentative == false, "usable at once")
            #expect(try !KernelState.routes().contains { $0.destination == own6.network })
            let listed = try network.host.addresses(on: network.bridge).filter { $0.scope == .global }
            #expect(listed.map(\.prefix) == [own4, own6] && listed.allSatisfy { !$0.isTentative && !$0.isDuplicate })
            // Link-local addresses come when the kernel is ready.
            let loopback4 = try Self.prefix("127.0.0.1/8")
            try network.host.perform(.addAddress(InterfaceAddress(loopback4), to: 1))
            #expect(try network.host.addresses().map(\.prefix).contains(loopback4), "all, where no link is named")
            #expect(try !network.host.addresses(on: network.bridge).map(\.prefix).contains(loopback4))

            let twice = #expect(throws: SystemError.self) {
                try network.host.perform(.addAddress(InterfaceAddress(own4), to: network.bridge))
            }
            #expect(twice?.code == EEXIST)
            try network.host.perform([
                .replaceAddress(InterfaceAddress(own4), on: network.bridge),
                .deleteAddress(own6, from: network.bridge),
                .deleteAddress(own6, from: network.bridge).toleratingAbsence(),
            ])
            #expect(try !KernelState.addresses().contains { $0.prefix == own6 })
            #expect(try network.host.addresses(on: 99).isEmpty)
        }
    }

    @Test func everySortOfRouteIsMadeAsItWasSaid() throws {
        try TestNamespace.run {
            let network = try PodNetwork()
            let own = try Self.prefix("10.1.2.2/24"), pod = try Self.prefix("10.1.2.8/32")
            let pod6 = try Self.prefix("fd00::8/128"), gateway = try #require(IPAddress("169.254.1.1"))
            let gateway6 = try #require(IPAddress("fe80::1"))
            let overlay = try Self.prefix("10.0.0.0/8"), overlay6 = try Self.prefix("fd00::/48")
            let any4 = try Self.prefix("0.0.0.0/0"), other = try Self.prefix("192.0.2.0/24")
            let routes = [
                Route(to: pod, interfaceIndex: network.bridge),
                Route(to: pod6, interfaceIndex: network.bridge),
                Route(to: any4, interfaceIndex: network.bridge, gateway: gateway, isOnLink: true),
                Route(to: other, interfaceIndex: network.bridge, gateway: gateway6, isOnLink: true),
                Route(to: overlay, kind: .unreachable, metric: 4096),
                Route(to: overlay6, kind: .unreachable, metric: 4096),
                Route(to: own.network, kind: .throw, table: Self.table),
                Route(
                    to: overlay, interfaceIndex: network.bridge, source: own.address, table: Self.table, mtu: 1300,
                    advertisedMSS: 1200),
                Route(to: overlay6, interfaceIndex: network.bridge, table: Self.table, metric: 100),
            ]
            try network.host.perform(.addAddress(InterfaceAddress(own), to: network.bridge))
            try network.host.perform(routes.map { .replaceRoute($0) })
            // Once more, as a repair would, changes nothing.
            try network.host.perform(routes.map { .replaceRoute($0) })

            let seen = try KernelState.routes()
            for route in routes {
                let same = seen.filter {
                    $0.destination == route.destination && $0.table == route.table && $0.kind == route.kind.rawValue
                }
                #expect(same.count == 1, "\(route)")
                #expect(
                    same.first?.metric == (route.metric == 0 && route.destination.family == .v6 ? 1024 : route.metric))
                #expect(same.first?.source == route.source && same.first?.mtu == route.mtu && same.first?.origin == 4)
                #expect(same.first?.isOnLink == route.isOnLink)
                if route.kind == .unicast { #expect(same.first?.index == network.bridge) }
            }
            #expect(seen.first { $0.destination == pod }?.scope == 253)

            let listed = try network.host.routes(family: .v4).filter { $0.origin == 4 }
            #expect(listed.first { $0.destination == other }?.gateway == gateway6)
            #expect(listed.first { $0.destination == any4 }?.gateway == gateway)
            let inTable = try network.host.routes(table: Self.table)
            #expect(inTable.count == 3 && inTable.first { $0.destination == overlay }?.advertisedMSS == 1200)
            #expect(try network.host.routes(table: 4242).isEmpty)
            #expect(try network.host.routes(table: nil).count > inTable.count + listed.count)

            let twice = #expect(throws: SystemError.self) { try network.host.perform(.addRoute(routes[0])) }
            #expect(twice?.code == EEXIST)
            try network.host.perform(routes.map { .deleteRoute($0) })
            try network.host.perform(routes.map { .deleteRoute($0).toleratingAbsence() })
            #expect(try !KernelState.routes().contains { $0.origin == 4 })
        }
    }

    @Test func aLookupObeysRulesAndMarks() throws {
        try TestNamespace.run {
            let network = try PodNetwork()
            let overlay = try Self.prefix("10.0.0.0/8"), inside = try #require(IPAddress("10.9.9.9"))
            let rules = [IPFamily.v4, .v6].map {
                RoutingRule(family: $0, priority: 3133, table: Self.table, mark: Self.mark, isInverted: true)
            }
            try network.host.perform([
                .addRoute(Route(to: overlay, interfaceIndex: network.bridge, table: Self.table)),
                .addRoute(Route(to: overlay, kind: .unreachable, metric: 4096)),
            ])
            try network.host.perform(rules.map { .addRule($0) })
            let seen = try KernelState.rules().filter { $0.priority == 3133 }
            #expect(seen.map(\.family) == [.v4, .v6])
            #expect(
                seen.allSatisfy { $0.isInverted && $0.mark == Self.mark && $0.markMask == .max && $0.table == 31337 })
            #expect(try network.host.rules().filter { $0.priority == 3133 } == rules)
            let twice = #expect(throws: SystemError.self) { try network.host.perform(.addRule(rules[0])) }
            #expect(twice?.code == EEXIST)

            let found = try network.host.route(to: inside)
            #expect(found.interfaceIndex == network.bridge && found.table == Self.table)
            let refused = #expect(throws: SystemError.self) { try network.host.route(to: inside, mark: Self.mark) }
            #expect(refused?.code == EHOSTUNREACH)
            let nowhere = try #require(IPAddress("2001:db8::1"))
            let none = #expect(throws: SystemError.self) { try network.host.route(to: nowhere) }
            #expect(none?.code == ENETUNREACH && none?.subject == "to 2001:db8::1")

            try network.host.perform(rules.map { .deleteRule($0) })
            try network.host.perform(rules.map { .deleteRule($0).toleratingAbsence() })
            #expect(try !KernelState.rules().contains { $0.priority == 3133 })
        }
    }

    @Test func neighboursArePermanent() throws {
        try TestNamespace.run {
            let network = try PodNetwork()
            let addresses = ["10.1.2.8", "fd00::8"].compactMap { IPAddress($0) }
            let neighbours = addresses.map {
                Neighbour(permanent: $0, mac: PodNetwork.podMAC, interfaceIndex: network.bridge)
            }
            try network.host.perform(neighbours.map { .replaceNeighbour($0) })
            let seen = try KernelState.neighbours().filter(\.isPermanent)
            #expect(seen.map(\.address) == addresses && seen.allSatisfy { $0.mac == PodNetwork.podMAC })
            #expect(try network.host.neighbours(on: network.bridge) == neighbours)
            try network.host.perform(addresses.map { .deleteNeighbour($0, on: network.bridge) })
            try network.host.perform(addresses.map { .deleteNeighbour($0, on: network.bridge).toleratingAbsence() })
            #expect(try network.host.neighbours(on: network.bridge).isEmpty)
        }
    }

    @Test func aBatchOfFailuresAloneIsAnsweredToo() throws {
        try TestNamespace.run {
            let socket = try RouteSocket()
            let destination = try Self.prefix("10.7.0.0/16"), gateway = IPAddress("203.0.113.1")
            let error = #expect(throws: SystemError.self) {
                try socket.perform((1...256).map { .addRoute(Route(to: destination, gateway: gateway, metric: $0)) })
            }
            #expect(error?.subject == "10.7.0.0/16 via 203.0.113.1 table 254 metric 1")
            #expect(try socket.links().contains { $0.name == "lo" }, "the socket is of use afterwards")
        }
    }

    @Test func kindsAreNamedAsIproute2Does() {
        let kinds: [RouteKind] = [.unicast, .local, .blackhole, .unreachable, .prohibit, .throw]
        #expect(kinds.map(\.description) == ["unicast", "local", "blackhole", "unreachable", "prohibit", "throw"])
        #expect(RouteKind(rawValue: 200).description == "0xc8")
    }

    @Test func ofABatchTheFailedRequestIsNamedAndTheOthersAreDone() throws {
        try TestNamespace.run {
            let network = try PodNetwork()
            let bad = try Self.prefix("10.7.0.0/16")
            let good = (0..<300).compactMap { IPPrefix("10.8.\($0 % 256).\($0 / 256)/32") }
            let error = #expect(throws: SystemError.self) {
                try network.host.perform(
                    [.addRoute(Route(to: bad, interfaceIndex: 4711))]
                        + good.map { .addRoute(Route(to: $0, interfaceIndex: network.bridge)) })
            }
            #expect(error?.operation == "add route" && error?.subject == "10.7.0.0/16 index 4711 table 254")
            #expect(error?.code == ENODEV)
            #expect(try network.host.routes(family: .v4).count == 300)
            let invalid = #expect(throws: SystemError.self) {
                try network.host.perform(.addRoute(Route(to: bad, gateway: IPAddress("203.0.113.1"))))
            }
            #expect(invalid?.detail == "Nexthop has invalid gateway", "the kernel's own words")
        }
    }
}
