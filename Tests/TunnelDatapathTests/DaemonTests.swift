import Glibc
import Host
import JSON
import Testing

@testable import TunnelDatapath

@Suite(.serialized, .enabled(if: getuid() == 0, "needs root, to make network namespaces"))
struct DaemonTests {
    enum Outside: String, CaseIterable {
        case v4, v6

        var underlay: TestNetwork.Underlay {
            switch self {
            case .v4: .v4
            case .v6: .v6
            }
        }
    }

    @Test(arguments: Outside.allCases) func carriesBothFamilies(outside: Outside) throws {
        let network = try TestNetwork(outside.underlay)
        try network.a.start()
        try network.b.start()
        for destination in [network.b.tunnelV4, network.b.tunnelV6] {
            let (output, code) = network.a.shell("ping -q -c 3 -i 0.05 -W 2 \(destination)")
            #expect(code == 0 && output.contains(" 0% packet loss"), "\(output)")
            // Fourteen fragments, put together again by the other host.
            let big = network.a.shell("ping -q -c 2 -i 0.05 -W 2 -s 20000 \(destination)")
            #expect(big.code == 0, "\(big.output)")
        }
        // The host's other address is translated, or the peer's source check would drop it.
        if outside == .v4 {
            let (output, code) = network.a.shell("ping -q -c 1 -W 2 -I \(network.a.address) \(network.b.tunnelV4)")
            #expect(code == 0, "\(output)")
        }
        #expect(try network.b.counter("drop.spoofedSource") == 0)
        #expect((0...3).contains(try network.a.peers().first?["lastReceived"]?.intValue ?? -1))
        let overhead = outside == .v6 ? 48 : 28
        #expect(try Files.read(network.a.paths.mtu) == Array("\(1500 - overhead)\n".utf8))
    }

    @Test(arguments: [Outside.v4, .v6]) func tellsSendersOfANarrowPath(outside: Outside) throws {
        let network = try TestNetwork(outside.underlay, farMTU: 1400)
        try network.a.start()
        try network.b.start()
        let fitting = 1400 - (outside == .v4 ? 28 : 48)
        // The router's ICMP error teaches the daemon; its own teaches the sender.
        for (destination, header) in [(network.b.tunnelV4, 28), (network.b.tunnelV6, 48)] {
            let narrow = network.a.shell("ping -c 3 -i 0.2 -W 1 -M do -s \(fitting - header + 1) \(destination)")
            #expect(
                narrow.output.contains("mtu=\(fitting)") || narrow.output.contains("mtu = \(fitting)"),
                "\(narrow.output)")
            let good = network.a.shell("ping -q -c 1 -W 2 -M do -s \(fitting - header) \(destination)")
            #expect(good.code == 0, "\(good.output)")
        }
        // Without "do not fragment" the inner packet is split on the way.
        let split = network.a.shell("ping -q -c 2 -i 0.2 -W 2 -M dont -s 1440 \(network.b.tunnelV4)")
        #expect(split.output.contains(" 0% packet loss"), "\(split.output)")
        #expect(try network.a.counter("drop.tooBig") > 0)
        // The device keeps the MTU of the route: one narrow path is that path's affair.
        #expect(try Files.read(network.a.paths.mtu) == Array("\(1500 - (outside == .v4 ? 28 : 48))\n".utf8))
    }

    @Test func answersForNobodysSubnets() throws {
        let network = try TestNetwork(.v4)
        try network.a.start()
        let v4 = network.a.shell("ping -c 1 -W 2 10.200.1.1").output
        #expect(v4.contains("Destination Net Unreachable"), "\(v4)")
        let v6 = network.a.shell("ping -c 1 -W 2 fd53:7769:726c:1::1").output
        #expect(v6.contains("No route"), "\(v6)")
        #expect(try network.a.counter("drop.noPeer") >= 2)
    }

    @Test func refusesWhileDeadAndComesBack() throws {
        let network = try TestNetwork(.v4)
        try network.a.start()
        try network.b.start()
        let device = try ip("-n", network.a.namespace, "link", "show", "warrens0").prefix { $0 != ":" }
        network.a.kill()
        // Counts what leaves for the overlay outside of the tunnel.
        let watch = """
            table inet watch { chain out { type filter hook postrouting priority 300; policy accept;
              oifname eth0 ip daddr 10.192.0.0/10 counter;
              oifname eth0 ip6 daddr fd53:7769:726c::/48 counter; }; }
            """
        #expect(network.a.shell("echo '\(watch)' | nft -f -").code == 0)
        for destination in [network.b.tunnelV4, network.b.tunnelV6] {
            // The kernel tells the routes of a lost carrier within a second; until then packets end in the device.
            let dead = try lastAnswer { network.a.shell("ping -c 1 -W 1 \(destination)") }
            #expect(
                dead.code != 0 && (dead.output.contains("unreachable") || dead.output.contains("No route")),
                "\(dead.output)")
        }
        let clear = network.a.shell("nft list table inet watch").output
        #expect(clear.split(separator: "\n").filter { $0.contains("counter packets 0 ") }.count == 2, "\(clear)")
        #expect(Files.exists(network.a.paths.socket))
        try network.a.start()
        #expect(try ip("-n", network.a.namespace, "link", "show", "warrens0").prefix { $0 != ":" } == device)
        #expect(network.a.shell("ping -q -c 1 -W 2 \(network.b.tunnelV4)").code == 0)
        #expect(network.a.get("/healthz") == "ok\n")

        network.a.kill(signal: SIGTERM)
        #expect(!Files.exists(network.a.paths.socket))
        #expect((try? ip("-n", network.a.namespace, "link", "show", "warrens0")) != nil)
    }

    /// The file is written anew, torn, emptied, deleted and restored; the peer in it stays what it is.
    @Test func losesNothingOfUnchangedPeers() throws {
        let network = try TestNetwork(.v4)
        try network.a.start()
        try network.b.start()
        let path = network.a.paths.nodeFile
        let good = try Files.read(path)
        let out = "\(network.a.root)/ping"
        let ping = try network.a.spawn("ping -q -i 0.005 -c 500 -W 2 \(network.b.tunnelV4) >\(out) 2>&1")
        let more = TestNetwork.nodes(
            [network.a, network.b], and: [(name: "c", machineID: "00000000000000000000000000000001")])
        for _ in 0..<2 {
            try Files.replace(path, with: more.utf8)
            usleep(150_000)
            _ = network.a.shell("head -c 100 \(path) > \(path).torn; cat \(path).torn > \(path)")
            usleep(150_000)
            _ = network.a.shell(": > \(path)")
            usleep(150_000)
            try Files.remove(path)
            usleep(150_000)
            try Files.removeTree(Files.parent(of: path))
            usleep(150_000)
            try Files.makeDirectories(Files.parent(of: path))
            try Files.replace(path, with: good)
            usleep(150_000)
        }
        var status: Int32 = 0
        _ = unsafe waitpid(ping, &status, 0)
        let output = String(decoding: try Files.read(out), as: UTF8.self)
        #expect(output.contains(" 0% packet loss"), "\(output)")
    }

    @Test func followsTheFileAndNamesWhatIsWrong() throws {
        let network = try TestNetwork(.v4)
        try network.a.start()
        let registry = { () throws -> JSONObject? in
            try JSONValue(parsing: Array(network.a.get("/status").utf8)).objectValue?["registry"]?.objectValue
        }
        #expect(try registry()?["peers"]?.intValue == 1)
        try Files.replace(network.a.paths.nodeFile, with: "{\"kind\":\"NodeList\"".utf8)
        #expect(try eventually { try registry()?["lastError"]?.stringValue?.contains("nodes.json") == true })
        #expect(try registry()?["peers"]?.intValue == 1)
        let more = TestNetwork.nodes(
            [network.a, network.b], and: [("c", "00000000000000000000000000000001"), ("d", "x")])
        try Files.replace(network.a.paths.nodeFile, with: more.utf8)
        #expect(try eventually { try registry()?["peers"]?.intValue == 2 })
        #expect(try registry()?["lastError"]?.isNull == true)
        #expect(try registry()?["problems"]?.serialized().contains("\"d\"") == true)
        try Files.replace(network.a.paths.nodeFile, with: TestNetwork.nodes([network.a]).utf8)
        #expect(try eventually { try registry()?["peers"]?.intValue == 0 })
        #expect(network.a.get("/peers") == "[]\n")
    }

    @Test func followsTheSettingsAndKeepsThemWhereTheNewOnesAreBad() throws {
        let network = try TestNetwork(.v4)
        try network.a.start()
        let status = { () -> String in network.a.get("/status") }
        #expect(status().contains("10.220.106.0/24"))
        try Files.replace(network.a.paths.settings, with: #"{"nodeName":"a","v4Prefix":"10.64.0.0/10"}"#.utf8)
        #expect(try eventually { status().contains("10.92.106.0/24") })
        try Files.replace(network.a.paths.settings, with: #"{"nodeName":"a","v4Prefix":"224.0.0.0/10"}"#.utf8)
        #expect(try eventually { status().contains("the former settings stay in force") })
        #expect(status().contains("10.92.106.0/24"))
    }

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

    /// Another node has our machine id and the better claim, as after the copying of a disk.
    @Test func renumbersItselfWhereAnotherNodeHoldsItsSubnets() throws {
        let network = try TestNetwork(.v4)
        let records = network.a.paths.attachments
        try Files.makeDirectories(records)
        try Files.replace("\(records)/0123456789abcdef.json", with: #"{"addresses":["10.220.106.9/32"]}"#.utf8)
        // Both claims are undated, so the smaller name has the better one.
        let nodes = TestNetwork.nodes([network.a, network.b], and: [("0-twin", network.a.machineID)])
        try Files.replace(network.a.paths.nodeFile, with: nodes.utf8)
        try network.a.start()
        let status = { () throws -> JSONObject? in
            try JSONValue(parsing: Array(network.a.get("/status").utf8)).objectValue
        }
        let report = try #require(try status())
        #expect(report["claim"]?.stringValue?.hasPrefix("generation=1") == true)
        #expect(report["claim"]?.stringValue?.contains("draining=10.220.106.0/24") == true)
        let subnets = report["subnets"]?.serialized() ?? ""
        // Containers live in the IPv4 subnet alone; nothing holds the IPv6 one back.
        #expect(subnets.contains("10.220.106.0/24") && !subnets.contains("fd53:7769:726c:3029:13e9:dc81:ee6d"))
        #expect(report["warnings"]?.serialized().contains("renumbered") == true)
        let addresses = try ip("-n", network.a.namespace, "address", "show", "dev", "warrens0")
        #expect(addresses.contains("10.220.106.1/32") && addresses.contains("inet6 fd53:7769:726c"))
        #expect(!addresses.contains("fd53:7769:726c:3029:13e9:dc81:ee6d"))

        // The last container ends: what the kernel tells of its route makes the daemon look.
        try Files.removeTree(records)
        try ip("-n", network.a.namespace, "route", "add", "203.0.113.0/24", "dev", "eth0")
        #expect(try eventually { try status()?["subnets"]?.serialized().contains("10.220.106.0/24") == false })
    }

    /// What only this node knows of its claim does not count where all others judge by the file; and what is told of it
    /// is taken back once the file has the new subnets.
    @Test func aDatedNodeGivesWayToItsTwin() throws {
        let network = try TestNetwork(.v4)
        try Files.makeDirectories(network.a.paths.state)
        let identity = """
            {"machineID": "\(network.a.machineID)", "randomness": "00000000000000000000000000000000",
             "claim": "generation=0,since=2020-01-01T00:00:00Z"}
            """
        try Files.replace(network.a.paths.identity, with: identity.utf8)
        let nodes = TestNetwork.nodes([network.a, network.b], and: [("0-twin", network.a.machineID)])
        try Files.replace(network.a.paths.nodeFile, with: nodes.utf8)
        try network.a.start()
        let status = { () throws -> JSONObject? in
            try JSONValue(parsing: Array(network.a.get("/status").utf8)).objectValue
        }
        let subnets = try #require(try status()?["subnets"]?.arrayValue?.compactMap(\.stringValue))
        #expect(!subnets.contains("10.220.106.0/24"))
        #expect(try status()?["warnings"]?.serialized().contains("renumbered") == true)
        let annotated = nodes.replacing(
            "{\"name\":\"a\"}",
            with: "{\"name\":\"a\",\"annotations\":{\"warrens.io/subnets\":\"\(subnets.joined(separator: ","))\"}}")
        try Files.replace(network.a.paths.nodeFile, with: annotated.utf8)
        #expect(try eventually { try status()?["warnings"]?.serialized().contains("renumbered") == false })
        #expect(try status()?["subnets"]?.arrayValue?.compactMap(\.stringValue) == subnets)
    }

    @Test func refusesToStartAndSaysWhy() throws {
        let network = try TestNetwork(.v4)
        try network.a.start()
        let second = network.a.shell("WARRENS_ROOT=\(network.a.root) \(TestNode.executable) --foreground")
        #expect(second.code == 1 && second.output.contains("another warrensd runs on this node"), "\(second.output)")
        #expect(!Files.exists(network.a.paths.startError))
        network.a.kill()

        let refusals = [
            (#"{"datapath":"ebpf"}"#, "datapath"), (#"{"framing":"gpe"}"#, "framing"),
            (#"{"queues":0}"#, "queues"), (#"{"prot":1}"#, "prot"), ("{", "warrens.json"),
        ]
        for (settings, culprit) in refusals {
            try Files.replace(network.a.paths.settings, with: settings.utf8)
            let error = #expect(throws: SystemError.self) { try network.a.start() }
            #expect(error?.detail.contains(culprit) == true, "\(settings): \(error?.detail ?? "started")")
            let text = String(decoding: try Files.read(network.a.paths.startError), as: UTF8.self)
            #expect(text == error?.detail)
            network.a.kill()
        }
        try Files.replace(network.a.paths.settings, with: #"{"nodeName":"a"}"#.utf8)
        try network.a.start()
        #expect(!Files.exists(network.a.paths.startError))
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

    /// A name server of the test's own tells where b is.
    @Test func resolvesHostNames() throws {
        let network = try TestNetwork(.v4)
        let nodes = TestNetwork.nodes([network.a, network.b]).replacing(
            "{\"name\":\"b\"}",
            with: "{\"name\":\"b\",\"annotations\":{\"warrens.io/endpoints\":\"b.example.org:31337\"}}")
        try Files.replace(network.a.paths.nodeFile, with: nodes.utf8)
        // `ip netns exec` shows it as /etc/resolv.conf.
        let directory = "/etc/netns/\(network.a.namespace)"
        try Files.makeDirectories(directory)
        defer { try? Files.removeTree(directory) }
        try Files.replace("\(directory)/resolv.conf", with: "nameserver 127.0.0.1\noptions timeout:1\n".utf8)
        let server = try network.a.spawn("exec /usr/bin/python3 -c \"\(Self.nameServer(network.b.address))\"")
        defer {
            kill(server, SIGKILL)
            var status: Int32 = 0
            _ = unsafe waitpid(server, &status, 0)
        }
        try network.b.start()
        #expect(try eventually { network.a.shell("ss -lun").output.contains("127.0.0.1:53") })
        try network.a.start()
        #expect(network.a.get("/peers").contains("b.example.org:31337"))
        #expect(try eventually { network.a.get("/peers").contains("\"endpoint\":\"198.51.100.2:31337\"") })
        let (output, code) = network.a.shell("ping -q -c 1 -W 2 \(network.b.tunnelV4)")
        #expect(code == 0, "\(output)")
        #expect(try network.a.counter("drop.spoofedSource") == 0)
    }

    /// Answers every question for an address with `address`, and every other one with nothing.
    private static func nameServer(_ address: String) -> String {
        """
        import socket,time
        s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM)
        s.bind(('127.0.0.1',53))
        s.settimeout(30)
        while True:
         q,c=s.recvfrom(512)
         a=q[-3]==1 or b'\\x00\\x00\\x01\\x00\\x01' in q
         h=q[:2]+bytes([0x81,0x80,0,1,0,int(a),0,0,0,0])
         e=q.index(0,12)+5
         r=bytes([0xc0,12,0,1,0,1,0,0,0,60,0,4])+socket.inet_aton('\(address)')
         s.sendto(h+q[12:e]+(r if a else b''),c)
        """
    }

    @Test func namesANodeWithAnotherFraming() throws {
        let network = try TestNetwork(.v4)
        try network.a.start()
        let datagram =
            "import socket;s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM);"
            + "s.sendto(bytes([12,0,0,1,0,0,87,0])+b'E'*20,('\(network.a.address)',31337))"
        for _ in 0..<3 { #expect(network.b.shell("python3 -c \"\(datagram)\"").code == 0) }
        let lines = { () throws -> [Substring] in
            String(decoding: try Files.read(network.a.paths.log), as: UTF8.self).split(separator: "\n")
                .filter { $0.contains("another framing") }
        }
        #expect(try eventually { try network.a.counter("drop.otherFraming") == 3 && !lines().isEmpty })
        #expect(try lines().count == 1 && lines()[0].contains("node=b"))
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

    @Test func servesOthersWhileSomeClientsAreHostile() throws {
        let network = try TestNetwork(.v4)
        try network.a.start()
        var hostile: [TestClient] = []
        for index in 0..<10 {
            let client = try TestClient(network.a.paths.socket)
            // Some say nothing, some stop half-way, some send what is no request.
            client.send(["", "GET /status HTT", "\u{0}\u{1}\u{2}\r\n\r\n"][index % 3])
            hostile.append(client)
        }
        #expect(network.a.get("/healthz") == "ok\n")
        #expect(network.a.get("/metrics").contains("warrens_peers 1\n"))
        #expect(network.a.get("/nowhere").contains("GET /status"))
        #expect(network.a.get("/status", method: "DELETE").contains("use GET"))
        #expect(network.a.get("/reload", method: "POST") == "reloading\n")
        let before = try Files.names(in: "/proc/\(network.a.daemon)/fd").count
        hostile.removeAll()
        #expect(try eventually { try Files.names(in: "/proc/\(network.a.daemon)/fd").count <= before - 6 })
    }

    /// Nothing happens, so nothing runs.
    @Test func sleepsWhenIdle() throws {
        let network = try TestNetwork(.v4)
        try network.a.start()
        // The kernel's own news about the links that the test has made.
        usleep(3_000_000)
        let tasks = "/proc/\(network.a.daemon)/task"
        let switches = {
            try Files.names(in: tasks).sorted().map { try Files.read("\(tasks)/\($0)/schedstat") }
        }
        let before = try switches()
        #expect(before.count > 3)
        usleep(1_500_000)
        #expect(try switches() == before)
    }

    /// More packets than the threads can carry, for peers and for nobody, while the control thread wants its share.
    @Test func obeysUnderAFlood() throws {
        let network = try TestNetwork(.v4)
        try network.a.start()
        try network.b.start()
        let flood = { (node: TestNode, host: String, family: String) throws -> pid_t in
            try node.spawn(
                "exec /usr/bin/python3 -c \"import socket,time\ns=socket.socket(socket.\(family),socket.SOCK_DGRAM)\n"
                    + "end=time.monotonic()+20\nwhile time.monotonic()<end:\n try: s.sendto(b'x'*64,('\(host)',9))\n except OSError: pass\""
            )
        }
        let floods = [
            // Dropped by a: nobody has the destination.
            try flood(network.a, "10.200.1.1", "AF_INET"),
            try flood(network.b, network.a.tunnelV6, "AF_INET6"),
        ]
        defer {
            for pid in floods {
                kill(pid, SIGKILL)
                var status: Int32 = 0
                _ = unsafe waitpid(pid, &status, 0)
            }
        }
        usleep(500_000)
        let more = TestNetwork.nodes([network.a, network.b], and: [("c", "00000000000000000000000000000001")])
        try Files.replace(network.a.paths.nodeFile, with: more.utf8)
        network.a.signal(SIGHUP)
        #expect(try eventually { network.a.get("/peers").contains("\"c\"") })
        #expect(try eventually { try network.a.counter("drop.noPeer") > 1000 })
        let started = monotonicSeconds()
        network.a.kill(signal: SIGTERM)
        #expect(monotonicSeconds() - started <= 3)
    }

    /// As kubelet projects a ConfigMap: the file leads through a link to a directory, which is switched as a whole.
    @Test func followsAProjectedConfigMap() throws {
        let network = try TestNetwork(.v4)
        let map = "\(network.a.root)/map"
        for (version, nodes) in [("1", [network.a, network.b]), ("2", [network.a])] {
            try Files.makeDirectories("\(map)/..\(version)")
            try Files.replace("\(map)/..\(version)/nodes.json", with: TestNetwork.nodes(nodes).utf8)
        }
        try Files.remove(network.a.paths.nodeFile)
        let links = network.a.shell(
            "ln -s ..1 \(map)/..data; ln -s ..data/nodes.json \(map)/nodes.json; "
                + "ln -s \(map)/nodes.json \(network.a.paths.nodeFile)")
        #expect(links.code == 0, "\(links.output)")
        try network.a.start()
        #expect(network.a.get("/peers").contains("\"b\""))
        #expect(network.a.shell("ln -s ..2 \(map)/..new; mv -T \(map)/..new \(map)/..data").code == 0)
        #expect(try eventually { network.a.get("/peers") == "[]\n" })
    }

    @Test func refusesANodeFileThatIsAPipe() throws {
        let network = try TestNetwork(.v4)
        try network.a.start()
        try Files.remove(network.a.paths.nodeFile)
        #expect(network.a.shell("mkfifo \(network.a.paths.nodeFile)").code == 0)
        #expect(try eventually { network.a.get("/status").contains("no regular file") })
        try Files.remove(network.a.paths.nodeFile)
        try Files.replace(network.a.paths.nodeFile, with: TestNetwork.nodes([network.a]).utf8)
        #expect(try eventually { network.a.get("/peers") == "[]\n" })
    }

    @Test func logsWhatIsNewlyWrong() throws {
        let network = try TestNetwork(.v4)
        try network.a.start()
        let log = { String(decoding: try Files.read(network.a.paths.log), as: UTF8.self) }
        // No peer comes, goes or changes.
        let bad = TestNetwork.nodes([network.a, network.b], and: [("d", "x")])
        try Files.replace(network.a.paths.nodeFile, with: bad.utf8)
        #expect(try eventually { try log().contains("node=d") })
        let twin = TestNetwork.nodes([network.a, network.b], and: [("d", "x"), ("z", network.b.machineID)])
        try Files.replace(network.a.paths.nodeFile, with: twin.utf8)
        #expect(try eventually { try log().contains("two nodes claim one prefix") })
        #expect(try log().split(separator: "\n").filter { $0.contains("node=d") }.count == 1)
    }

    /// Asks until the answer has said that something is out of reach, for some seconds at most.
    private func lastAnswer(_ ask: () -> (output: String, code: Int32)) throws -> (output: String, code: Int32) {
        var answer = ask()
        _ = try eventually {
            answer = ask()
            return answer.output.contains("unreachable") || answer.output.contains("No route")
        }
        return answer
    }

    private func eventually(_ condition: () throws -> Bool) throws -> Bool {
        for _ in 0..<100 {
            if try condition() { return true }
            usleep(50_000)
        }
        return false
    }
}
