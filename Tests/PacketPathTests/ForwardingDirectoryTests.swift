import Addressing
import Testing

@testable import PacketPath

struct ForwardingDirectoryTests {
    private typealias Peer = ForwardingPlan.Peer

    private static func peer(_ number: Int, at host: Int, port: UInt16 = 31337, routeMTU: Int = 1500) -> Peer {
        let outer = IPAddress(v4: 0xc633_6400 + UInt32(host))
        return Peer(
            name: "node-\(number)",
            subnets: [
                prefix("10.\(192 + number / 256).\(number % 256).0/24"),
                prefix("fd53::\(String(number + 1, radix: 16)):0/112"),
            ],
            routes: number.isMultiple(of: 5) ? [prefix("172.16.\(number % 256).0/26")] : [], nodeAddresses: [outer],
            endpoint: SocketAddress(outer, port: port), routeMTU: routeMTU, outerSources: [outer])
    }

    @Test func aPeerThatStaysKeepsItsCountersAndItsPath() {
        var directory = ForwardingDirectory(TestPlan.plan)
        let state = directory.state(of: "b")
        let path = directory.table.path(to: key("192.0.2.2"))
        directory.apply(ForwardingChange(local: TestPlan.plan.local, removed: ["nat"]))
        var changed = TestPlan.plan.peers[0]
        changed.subnets = [prefix("10.239.114.0/24")]
        let isNew = directory.apply(ForwardingChange(local: TestPlan.plan.local, updated: [changed]))
        #expect(isNew)
        #expect(directory.state(of: "b") === state && directory.table.path(to: key("192.0.2.2")) === path)
        #expect(directory.state(of: "nat") == nil && directory.peer(named: "nat") == nil)
        #expect(directory.table.subnets.find(key("10.239.113.1")) == -1)
        #expect(directory.table.subnets.find(key("10.239.114.1")) == directory.table.subnets.find(key("10.239.114.2")))
        #expect(directory.name(at: key("192.0.2.2")) == "b")
    }

    @Test func whatChangesNothingMakesNoTable() {
        var directory = ForwardingDirectory(TestPlan.plan)
        let table = directory.table
        let answers = [
            directory.replace(TestPlan.plan),
            directory.apply(ForwardingChange(local: TestPlan.plan.local, removed: ["nobody"])),
        ]
        #expect(answers == [false, false] && directory.table === table)
    }

    /// Two nodes behind one router: each has its own port, and the router's address stays known with the last of them.
    @Test func peersBehindOneAddressShareItsPath() {
        let pair = [Self.peer(1, at: 9, port: 4001), Self.peer(2, at: 9, port: 4002)]
        var directory = ForwardingDirectory(ForwardingPlan(peers: pair))
        let outer = key("198.51.100.9")
        let path = directory.table.path(to: outer)
        #expect(path != nil && directory.table.isEndpoint(outer, port: 4001))
        directory.apply(ForwardingChange(local: .init(), removed: ["node-1"]))
        #expect(directory.table.path(to: outer) === path && directory.name(at: outer) == "node-2")
        #expect(!directory.table.isEndpoint(outer, port: 4001) && directory.table.isEndpoint(outer, port: 4002))
        directory.apply(ForwardingChange(local: .init(), removed: ["node-2"]))
        #expect(directory.table.path(to: outer) == nil && directory.table.nodeAddresses.find(outer) == -1)
    }

    @Test func aTableInUseStaysWhatItWas() {
        var directory = ForwardingDirectory(ForwardingPlan(peers: (0..<300).map { Self.peer($0, at: $0) }))
        let table = directory.table
        let number = table.subnets.find(key("10.192.77.1"))
        directory.apply(ForwardingChange(local: .init(), removed: ["node-77"], updated: [Self.peer(301, at: 301)]))
        #expect(number >= 0 && table.subnets.find(key("10.192.77.1")) == number)
        #expect(table.peer(number).port == 31337 && directory.table.subnets.find(key("10.192.77.1")) == -1)
    }

    /// Whatever the order of changes, the tables find what a plan made at once would find.
    @Test(arguments: 0..<4) func changesEndWhereAWholePlanWould(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var directory = ForwardingDirectory(ForwardingPlan())
        var peers: [Int: Peer] = [:]
        for _ in 0..<60 {
            var change = ForwardingChange(local: .init())
            for _ in 0..<Int.random(in: 1...80, using: &random) {
                let number = Int.random(in: 0..<900, using: &random)
                if peers[number] != nil, Bool.random(using: &random) {
                    if change.updated.contains(where: { $0.name == "node-\(number)" }) { continue }
                    change.removed.append("node-\(number)")
                    peers[number] = nil
                } else if !change.removed.contains("node-\(number)") {
                    change.updated.removeAll { $0.name == "node-\(number)" }
                    let peer = Self.peer(
                        number, at: Int.random(in: 0..<300, using: &random),
                        port: .random(in: 4000..<4004, using: &random))
                    change.updated.append(peer)
                    peers[number] = peer
                }
            }
            directory.apply(change)
        }
        let whole = ForwardingDirectory(ForwardingPlan(peers: Array(peers.values)))
        for number in 0..<900 {
            let addresses = [
                key("10.\(192 + number / 256).\(number % 256).9"), key("fd53::\(String(number + 1, radix: 16)):9"),
            ]
            for address in addresses {
                let found = directory.table.subnets.find(address)
                #expect((found >= 0) == (peers[number] != nil))
                #expect((whole.table.subnets.find(address) >= 0) == (found >= 0))
                guard found >= 0, let peer = peers[number] else { continue }
                let record = directory.table.peer(found)
                #expect(
                    record.endpoint == peer.endpoint.map { AddressKey($0.address) }
                        && record.port == peer.endpoint?.port)
            }
            #expect(directory.peer(named: "node-\(number)") == peers[number])
            let route = key("172.16.\(number % 256).9")
            #expect((directory.table.routes.find(route) >= 0) == (whole.table.routes.find(route) >= 0))
        }
        for host in 0..<300 {
            let outer = AddressKey(IPAddress(v4: 0xc633_6400 + UInt32(host)))
            #expect((directory.table.nodeAddresses.find(outer) >= 0) == (whole.table.nodeAddresses.find(outer) >= 0))
            for port in UInt16(4000)..<4004 {
                #expect(directory.table.isEndpoint(outer, port: port) == whole.table.isEndpoint(outer, port: port))
            }
        }
    }
}
