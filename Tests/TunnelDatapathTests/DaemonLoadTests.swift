import Glibc
import Host
import JSON
import Testing

@testable import TunnelDatapath

/// What the daemon costs, and what it withstands.
extension DaemonTests {
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
}
