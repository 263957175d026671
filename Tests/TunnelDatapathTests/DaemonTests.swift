import Glibc
import Host
import JSON
import Testing

@testable import TunnelDatapath

@Suite(.serialized, .enabled(if: getuid() == 0, "needs root, to make network namespaces"))
struct DaemonTests {
    enum Outside: String, CaseIterable {
        case v4, v6, insideOverlay

        var underlay: TestNetwork.Underlay {
            switch self {
            case .v4: .v4
            case .v6: .v6
            case .insideOverlay: .insideOverlay
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
        for destination in [network.b.tunnelV4, network.b.tunnelV6] {
            // The kernel tells the routes of a lost carrier within a second; until then packets end in the device.
            let dead = try lastAnswer { network.a.shell("ping -c 1 -W 1 \(destination)") }
            #expect(
                dead.code != 0 && (dead.output.contains("unreachable") || dead.output.contains("No route")),
                "\(dead.output)")
        }
        // Nothing of it left in clear.
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

    @Test func refusesToStartAndSaysWhy() throws {
        let network = try TestNetwork(.v4)
        try network.a.start()
        let second = network.a.shell("WARRENS_ROOT=\(network.a.root) \(TestNode.executable) --foreground")
        #expect(second.code == 1 && second.output.contains("another warrensd runs on this node"), "\(second.output)")
        #expect(!Files.exists(network.a.paths.startError))
        network.a.kill()

        let refusals = [
            (#"{"datapath":"ebpf"}"#, "datapath"), (#"{"framing":"gpe"}"#, "framing"),
            (#"{"sourcePorts":"hashed"}"#, "sourcePorts"), (#"{"prot":1}"#, "prot"), ("{", "warrens.json"),
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
        let switches = { try Files.read("/proc/\(network.a.daemon)/schedstat") }
        let before = try switches()
        usleep(1_500_000)
        #expect(try switches() == before)
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
