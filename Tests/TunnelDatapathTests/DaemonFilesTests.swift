import Glibc
import Host
import JSON
import Testing

@testable import TunnelDatapath

/// How the daemon follows its files.
extension DaemonTests {
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
}
