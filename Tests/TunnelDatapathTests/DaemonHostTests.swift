import Glibc
import Host
import JSON
import Testing

@testable import TunnelDatapath

/// How the daemon gets along with the rest of the host.
extension DaemonTests {
    @Test func repairsWhatOthersRemove() throws {
        let network = try TestNetwork(.v4)
        try network.a.start()
        try network.b.start()
        _ = network.a.shell("nft flush ruleset; ip rule del priority 3133; ip route flush table 31337")
        #expect(try eventually { network.a.shell("ping -q -c 1 -W 1 \(network.b.tunnelV4)").code == 0 })
        #expect(try eventually { network.a.shell("nft list chain inet warrens daemon_postrouting").code == 0 })
        try ip("-n", network.a.namespace, "link", "delete", "warrens0")
        #expect(try eventually { network.a.shell("ping -q -c 1 -W 1 \(network.b.tunnelV4)").code == 0 })
        // The uplink gets a smaller MTU: the tunnel follows.
        try ip("-n", network.a.namespace, "link", "set", "eth0", "mtu", "1450")
        #expect(try eventually { try Files.read(network.a.paths.mtu) == Array("1422\n".utf8) })
        #expect(try ip("-n", network.a.namespace, "link", "show", "warrens0").contains("mtu 1422"))
    }

    /// The overlay's prefix would hide the network that the host lives in.
    @Test func refusesToHideTheHostsOwnNetwork() throws {
        let network = try TestNetwork(.insideOverlay)
        let error = #expect(throws: SystemError.self) { try network.a.start() }
        #expect(error?.detail.contains("10.192.0.0/10 overlaps the host's address 10.200.1.2 on eth0") == true)
        #expect(network.a.shell("ip route get 10.200.1.1").output.contains("dev eth0"))
    }

    @Test func warnsOfANetworkThatIsJoinedLater() throws {
        let network = try TestNetwork(.v4)
        // Another plugin's bridge for pods with addresses out of this node's own subnet is no clash.
        try ip("-n", network.a.namespace, "link", "add", "other0", "up", "type", "bridge")
        try ip("-n", network.a.namespace, "address", "add", "10.220.106.7/24", "dev", "other0")
        try network.a.start()
        try ip("-n", network.a.namespace, "address", "add", "10.200.0.5/16", "dev", "eth0")
        #expect(try eventually { network.a.get("/status").contains("10.200.0.5 on eth0") })
        try ip("-n", network.a.namespace, "address", "delete", "10.200.0.5/16", "dev", "eth0")
        #expect(try eventually { !network.a.get("/status").contains("10.200.0.5 on eth0") })
    }

    /// A peer offers networks that this host is in: what is longer goes first, whoever has it.
    @Test func leavesTheHostsNetworksAloneWhateverPeersOffer() throws {
        let network = try TestNetwork(.v4)
        let offer = TestNetwork.nodes([network.a, network.b]).replacing(
            "{\"name\":\"b\"}",
            with: "{\"name\":\"b\",\"annotations\":{\"warrens.io/routes\":"
                + "\"192.0.2.0/24,192.0.2.128/25,192.0.0.0/16,203.0.113.0/24\"}}")
        try Files.replace(network.a.paths.nodeFile, with: offer.utf8)
        try network.a.start()
        for (destination, device) in [
            ("192.0.2.1", "eth0"), ("192.0.2.200", "eth0"), ("192.0.3.1", "warrens0"), ("203.0.113.1", "warrens0"),
        ] {
            let route = network.a.shell("ip route get \(destination)").output
            #expect(route.contains("dev \(device)"), "\(route)")
        }
        let report = network.a.get("/status")
        #expect(report.contains("192.0.2.0/24 lies inside of this host's own route 192.0.2.0/24"), "\(report)")
        #expect(report.contains("192.0.2.128/25 lies inside"))
        // The host moves: the offer is of use.
        try ip("-n", network.a.namespace, "address", "replace", "192.0.2.2/32", "dev", "eth0")
        try ip("-n", network.a.namespace, "address", "delete", "192.0.2.2/24", "dev", "eth0")
        #expect(
            try eventually { network.a.shell("ip route get 192.0.2.200").output.contains("dev warrens0") })
    }

    @Test func bridgesFollowTheMTU() throws {
        let network = try TestNetwork(.v4)
        // cni0 as the plugin makes it before any daemon; one by another name; one that was given an MTU.
        for (name, mtu, address) in [
            ("cni0", "1420", "10.220.106.2/32"), ("pods0", "1420", "fd53:7769:726c:3029:13e9:dc81:ee6d:2/128"),
            ("given0", "9000", "10.220.106.2/32"), ("foreign0", "1420", "203.0.113.1/24"),
        ] {
            try ip("-n", network.a.namespace, "link", "add", name, "mtu", mtu, "type", "bridge")
            try ip("-n", network.a.namespace, "address", "add", address, "dev", name)
        }
        let mtus = { () throws -> [Int?] in
            try ["cni0", "pods0", "given0", "foreign0"].map { name in
                let words = try ip("-n", network.a.namespace, "link", "show", name).split(separator: " ")
                return words.firstIndex(of: "mtu").flatMap { Int(words[$0 + 1]) }
            }
        }
        try network.a.start()
        #expect(try mtus() == [1472, 1472, 9000, 1420])
        try ip("-n", network.a.namespace, "link", "set", "eth0", "mtu", "1450")
        #expect(try eventually { try mtus() == [1422, 1422, 9000, 1420] })
        // A running pod is not touched, and its bridge keeps what it can take.
        try ip(
            "-n", network.a.namespace, "link", "add", "pod0", "mtu", "1422", "master", "cni0", "type", "veth", "peer",
            "pod1")
        try ip("-n", network.a.namespace, "link", "set", "eth0", "mtu", "1500")
        #expect(try eventually { try mtus() == [1422, 1472, 9000, 1420] })
    }

    /// The plugin made the sets; the daemon knows what belongs into them.
    @Test func keepsTheSetsOfWherePodsAre() throws {
        let network = try TestNetwork(.v4)
        let table = """
            table inet warrens { set overlay4 { type ipv4_addr; flags interval; elements = { 198.18.0.0/15 }; }
              set overlay6 { type ipv6_addr; flags interval; }; }
            """
        #expect(network.a.shell("echo '\(table)' | nft -f -").code == 0)
        try network.a.start()
        let sets = { network.a.shell("nft list sets").output }
        #expect(sets().contains("10.192.0.0/10") && sets().contains("fd53:7769:726c::/48"), "\(sets())")
        #expect(!sets().contains("198.18.0.0/15"))
        let offer = TestNetwork.nodes([network.a, network.b]).replacing(
            "{\"name\":\"b\"}",
            with: "{\"name\":\"b\",\"annotations\":{\"warrens.io/routes\":\"203.0.113.0/24\"}}")
        try Files.replace(network.a.paths.nodeFile, with: offer.utf8)
        #expect(try eventually { sets().contains("203.0.113.0/24") })
        #expect(network.a.shell("nft flush set inet warrens overlay4").code == 0)
        #expect(try eventually { sets().contains("203.0.113.0/24") && sets().contains("10.192.0.0/10") })
    }
}
