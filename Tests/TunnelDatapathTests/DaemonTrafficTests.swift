import Glibc
import Host
import JSON
import Overlay
import PacketPath
import Testing

@testable import TunnelDatapath

/// What the daemon does with packets.
extension DaemonTests {
    @Test(arguments: Outside.allCases, Settings.Framing.allCases)
    func carriesBothFamilies(outside: Outside, framing: Settings.Framing) throws {
        let network = try TestNetwork(outside.underlay, framing: framing)
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
        let overhead = WireFormat.overhead(outside.family, framing)
        #expect(try Files.read(network.a.paths.mtu) == Array("\(1500 - overhead)\n".utf8))
    }

    @Test(arguments: Outside.allCases, Settings.Framing.allCases)
    func tellsSendersOfANarrowPath(outside: Outside, framing: Settings.Framing) throws {
        let network = try TestNetwork(outside.underlay, farMTU: 1400, framing: framing)
        try network.a.start()
        try network.b.start()
        let overhead = WireFormat.overhead(outside.family, framing)
        let fitting = 1400 - overhead
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
        #expect(try Files.read(network.a.paths.mtu) == Array("\(1500 - overhead)\n".utf8))
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
        // The kernel's datapath goes on without a daemon.
        try Files.replace(network.a.paths.settings, with: #"{"nodeName":"a","datapath":"tun"}"#.utf8)
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

    /// A kernel datapath sends so; a socket that was not told of it would never see the datagram.
    @Test func takesDatagramsWithoutAChecksum() throws {
        let network = try TestNetwork(.v6)
        try network.a.start()
        // UDP_NO_CHECK6_TX; inside, an IPv4 packet of the protocol number for experiments.
        let send = """
            import socket, struct
            s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
            s.setsockopt(socket.IPPROTO_UDP, 101, 1)
            h = bytes([0x45, 0, 0, 28, 0, 0, 0x40, 0, 64, 253, 0, 0])
            h += socket.inet_aton("\(network.b.tunnelV4)") + socket.inet_aton("\(network.a.tunnelV4)")
            c = sum(struct.unpack("!10H", h))
            c = ~(c + (c >> 16)) & 0xffff
            s.sendto(h[:10] + struct.pack("!H", c) + h[12:] + bytes(8), ("\(network.a.address)", 31337))
            """
        try Files.replace("\(network.b.root)/send.py", with: send.utf8)
        let sent = network.b.shell("/usr/bin/python3 \(network.b.root)/send.py")
        #expect(sent.code == 0, "\(sent.output)")
        #expect(try eventually { try network.a.counter("receivedPackets") == 1 })
        let refused = network.a.shell("grep Udp6InCsumErrors /proc/net/snmp6").output
        #expect(refused.split(whereSeparator: \.isWhitespace).last == "0", "\(refused)")
    }

    /// The smallest MTU that is promised is more than this path carries: the outer datagram is fragmented.
    @Test(arguments: Outside.allCases, Settings.Framing.allCases)
    func carriesWhatIsPromisedThroughTheNarrowestPath(outside: Outside, framing: Settings.Framing) throws {
        let network = try TestNetwork(outside.underlay, farMTU: 1280, framing: framing)
        try network.a.start()
        try network.b.start()
        for (destination, header) in [(network.b.tunnelV4, 28), (network.b.tunnelV6, 48)] {
            _ = network.a.shell("ping -q -c 2 -i 0.2 -W 1 -M do -s \(1400 - header) \(destination)")
            let promised = network.a.shell("ping -q -c 2 -i 0.2 -W 2 -M do -s \(1280 - header) \(destination)")
            #expect(promised.output.contains(" 0% packet loss"), "\(promised.output)")
        }
        #expect(try Files.read(network.b.paths.mtu) == Array("1280\n".utf8))
    }

    @Test(arguments: Settings.Framing.allCases) func namesANodeWithAnotherFraming(framing: Settings.Framing) throws {
        let network = try TestNetwork(.v4, framing: framing)
        try network.a.start()
        let other = framing == .raw ? "[12,0,0,1,0,0,87,0]" : "[]"
        let datagram =
            "import socket;s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM);"
            + "s.sendto(bytes(\(other))+b'E'*20,('\(network.a.address)',31337))"
        for _ in 0..<3 { #expect(network.b.shell("python3 -c \"\(datagram)\"").code == 0) }
        let lines = { () throws -> [Substring] in
            String(decoding: try Files.read(network.a.paths.log), as: UTF8.self).split(separator: "\n")
                .filter { $0.contains("another framing") }
        }
        #expect(try eventually { try network.a.counter("drop.otherFraming") == 3 && !lines().isEmpty })
        #expect(try lines().count == 1 && lines()[0].contains("node=b"))
        // The status says so until the node has sent what can be understood.
        #expect(network.a.get("/status").contains("b sends with another framing"))
        usleep(1_100_000)
        try network.b.start()
        #expect(network.b.shell("ping -q -c 1 -W 2 \(network.a.tunnelV4)").code == 0)
        #expect(!network.a.get("/status").contains("another framing"))
    }

    /// A setting that differs: each of the two names the other one.
    @Test func twoFramingsMeet() throws {
        let network = try TestNetwork(.v4, framing: .raw)
        try network.b.prepare(nodes: TestNetwork.nodes([network.a, network.b]), .gpe)
        try network.a.start()
        try network.b.start()
        for (node, peer) in [(network.a, network.b), (network.b, network.a)] {
            #expect(node.shell("ping -q -c 2 -i 0.2 -W 1 \(peer.tunnelV4)").code != 0)
        }
        for (node, peer) in [(network.a, network.b), (network.b, network.a)] {
            #expect(try node.counter("drop.otherFraming") > 0)
            #expect(try eventually { node.get("/status").contains("\(peer.name) sends with another framing") })
        }
    }
}
