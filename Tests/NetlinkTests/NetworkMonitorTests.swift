import Addressing
import Glibc
import Host
import KernelEye
import Netlink
import Testing

@Suite(.enabled(if: getuid() == 0, "needs root, to make network namespaces"))
struct NetworkMonitorTests {
    @Test func changesAreReportedInOrder() throws {
        try TestNamespace.run {
            let monitor = try NetworkMonitor([.links, .addresses, .routes])
            #expect(try monitor.pendingEvents().isEmpty && !isReadable(monitor.descriptor))
            let socket = try RouteSocket()
            let prefix = try #require(IPPrefix("10.1.2.3/24"))
            try socket.perform(.createBridge(Bridge(name: "br0")))
            let index = try #require(try socket.link(named: "br0")?.index)
            let route = Route(to: try #require(IPPrefix("10.9.0.0/16")), kind: .unreachable, table: 77)
            try socket.perform([.addAddress(InterfaceAddress(prefix), to: index), .addRoute(route), .deleteLink(index)])
            #expect(isReadable(monitor.descriptor))
            let events = try monitor.pendingEvents()
            let positions = [
                events.firstIndex { if case .link(let link) = $0 { link.name == "br0" && link.isUp } else { false } },
                events.firstIndex { if case .address(let address) = $0 { address.prefix == prefix } else { false } },
                events.firstIndex { if case .route(let new) = $0 { new.table == 77 } else { false } },
                events.firstIndex { if case .linkRemoved(let link) = $0 { link.index == index } else { false } },
            ].compactMap { $0 }
            #expect(positions.count == 4 && positions == positions.sorted())
            #expect(try monitor.pendingEvents().isEmpty)
        }
    }

    @Test func aPortThatLeavesItsBridgeIsNotTakenForRemoved() throws {
        try TestNamespace.run {
            let socket = try RouteSocket()
            try socket.perform(.createBridge(Bridge(name: "br0")))
            let bridge = try #require(try socket.link(named: "br0")?.index)
            try socket.perform(.createVeth(VethEnd(name: "a"), isUp: true, master: bridge, peer: VethEnd(name: "b")))
            let port = try #require(try socket.link(named: "a")?.index)
            let monitor = try NetworkMonitor([.links])
            try socket.perform(.changeLink(port, LinkChange(master: 0)))
            let events = try monitor.pendingEvents()
            #expect(!events.isEmpty && events.allSatisfy { if case .link = $0 { true } else { false } })
            #expect(try socket.link(index: port)?.master == nil)
        }
    }

    @Test func anOverrunAsksForResynchronisation() throws {
        try TestNamespace.run {
            let monitor = try NetworkMonitor([.routes], receiveBuffer: 4096)
            let socket = try RouteSocket()
            try socket.perform(
                (0..<200).compactMap { IPPrefix("10.0.\($0).0/24") }.map { .addRoute(Route(to: $0, kind: .blackhole)) })
            let events = try monitor.pendingEvents()
            #expect(events.contains(.resynchronise) && events.count < 200)
            // It goes on afterwards.
            let later = Route(to: try #require(IPPrefix("10.1.0.0/24")), kind: .blackhole)
            try socket.perform(.addRoute(later))
            #expect(try monitor.pendingEvents().count == 1)
        }
    }

    private func isReadable(_ descriptor: Int32) -> Bool {
        var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return unsafe poll(&entry, 1, 0) == 1
    }
}
