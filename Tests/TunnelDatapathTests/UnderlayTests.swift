import Addressing
import Glibc
import Netlink
import Overlay
import Testing

@testable import TunnelDatapath

/// What the host's network says about ways to other nodes, in one side of a ``TestNetwork`` without daemons.
@Suite(.enabled(if: getuid() == 0, "needs root, to make network namespaces"))
struct UnderlayTests {
    private static func look(_ node: TestNode, ownSubnets: [NodeSubnet] = []) throws -> Underlay {
        let namespace = try NetworkNamespace(path: "/run/netns/\(node.namespace)")
        return try Underlay(try RouteSocket(in: namespace), ownSubnets: ownSubnets)
    }

    @Test(arguments: DaemonTests.Outside.allCases) func findsTheWayWithItsFirstStep(outside: DaemonTests.Outside) throws
    {
        let network = try TestNetwork(outside.underlay)
        let underlay = try Self.look(network.a)
        let own = try #require(IPAddress(outside.underlay.a))
        let router = try #require(IPAddress(outside.underlay.gatewayA))
        let other = try #require(IPAddress(outside.underlay.b))
        let far = try #require(underlay.path(to: other))
        #expect(far.gateway == router && far.source == own && far.mtu == 1500)
        let near = try #require(underlay.path(to: router))
        #expect(near.gateway == nil && near.source == own && near.interfaceIndex == far.interfaceIndex)
        let link = try ip("-n", network.a.namespace, "-o", "link", "show", "eth0")
        #expect(link.hasPrefix("\(far.interfaceIndex):"))
    }

    @Test func aChangeOfTheFirstStepIsAChange() throws {
        let network = try TestNetwork(.v4)
        let b = try #require(IPAddress(network.b.address))
        let before = try Self.look(network.a)
        // Another source, then another router, by the same device and with the same MTU.
        for (command, gateway, source) in [
            (
                "ip address add 192.0.2.77/24 dev eth0; ip route replace default via 192.0.2.1 src 192.0.2.77",
                "192.0.2.1", "192.0.2.77"
            ),
            ("ip route replace default via 192.0.2.9", "192.0.2.9", "192.0.2.2"),
        ] {
            #expect(network.a.shell(command).code == 0)
            let now = try Self.look(network.a)
            #expect(now.fingerprint != before.fingerprint)
            let path = try #require(now.path(to: b))
            #expect(path.gateway == IPAddress(gateway) && path.source == IPAddress(source))
        }
    }

    @Test func knowsAtWhichAddressesDatagramsArrive() throws {
        let network = try TestNetwork(.v4)
        let prefix = try #require(IPPrefix("10.220.106.0/24"))
        let subnet = try #require(NodeSubnet(prefix))
        let before = try Self.look(network.a, ownSubnets: [subnet])
        #expect(before.ownAddresses.map(\.description) == ["192.0.2.2"])
        // A node's address may stand on the loopback device, as routing daemons have it, or on a device that belongs to
        // another; the overlay's own addresses are no place for datagrams.
        let more = network.a.shell(
            """
            ip address add 203.0.113.1/32 dev lo && ip address add 10.220.106.1/32 dev eth0 \
              && ip -6 address add 2001:db8::9/128 dev lo && ip link add held0 up type veth peer name held1 \
              && ip address add 198.51.100.77/24 dev held0 && ip link add holder0 up type bridge \
              && ip link set held0 master holder0
            """)
        #expect(more.code == 0, "\(more.output)")
        let after = try Self.look(network.a, ownSubnets: [subnet])
        #expect(
            after.ownAddresses.map(\.description) == ["192.0.2.2", "198.51.100.77", "203.0.113.1", "2001:db8::9"])
        #expect(after.fingerprint != before.fingerprint)
    }
}
