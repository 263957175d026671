import Addressing
import Glibc
import Host
import KernelEye
import Netlink
import Testing

@testable import TunnelDatapath

/// Which pods the datapath takes for local, by records as the plugin writes them and interfaces as the kernel has them.
@Suite(.enabled(if: getuid() == 0, "needs root, to make network namespaces"))
struct PodVethsTests {
    private static let tc = "/usr/sbin/tc"

    @Test func podsAreThoseOnRecordWithAnInterface() throws {
        try TestNamespace.run {
            let node = try PodNode()
            #expect(try node.pods() == LocalPods())
            let first = try node.attach("vethaaaaaaaaaaa", ["10.220.1.3", "fd53:7769:726c::3"])
            let second = try node.attach("vethbbbbbbbbbbb", ["10.220.1.4"])
            try node.attach("vethccccccccccc", ["10.220.1.5"], phase: "attaching")
            try node.attach("vethddddddddddd", ["10.220.1.6"], phase: "detaching")
            try node.attach("vetheeeeeeeeeee", [])
            try node.record("vethfffffffffff", ["10.220.1.7"])
            try Files.replace("\(node.paths.attachments)/0000000000000000.json", with: "{".utf8)
            let pods = try node.pods()
            #expect(Set(pods.byInterface.keys) == [first, second])
            let hostMAC = try #require(try node.routes.link(named: "vethaaaaaaaaaaa")?.mac)
            #expect(
                pods.byInterface[first]
                    == LocalPod(
                        hostInterface: "vethaaaaaaaaaaa", interfaceIndex: first, hostMAC: hostMAC, bridge: nil,
                        mac: PodNode.mac,
                        addresses: ["10.220.1.3", "fd53:7769:726c::3"].compactMap { IPAddress($0) }, isShaped: false))
        }
    }

    @Test func aNewHardwareAddressIsLearntFromTheHost() throws {
        try TestNamespace.run {
            let node = try PodNode()
            let pod = try node.attach("vethaaaaaaaaaaa", ["10.220.1.3"])
            let mac = MACAddress(locallyAdministered: 77)
            try Command.run(
                "/usr/sbin/ip", "neighbour", "replace", "10.220.1.3", "lladdr", mac.description, "dev", "cni0")
            #expect(try node.pods().byInterface[pod]?.mac == mac)
        }
    }

    @Test func limitsAndFiltersOfOthersCountAndOursDoNot() throws {
        try TestNamespace.run {
            let node = try PodNode()
            let pod = try node.attach("vethaaaaaaaaaaa", ["10.220.1.3"])
            let isShaped = { try node.pods().byInterface[pod]?.isShaped }
            let program = try TestProgram.load(named: "pod")
            try node.routes.perform([
                .addHooks(to: pod), .replaceProgram(program.raw, name: "warrens_pod", on: pod, .ingress, priority: 1),
            ])
            #expect(try isShaped() == false)
            for direction in TrafficDirection.allCases {
                try node.routes.perform(
                    .replaceProgram(program.raw, name: "other", on: pod, direction, priority: 2))
                #expect(try isShaped() == true)
                try node.routes.perform(
                    try node.routes.filters(on: pod).filter { $0.program?.name == "other" }.map { .deleteFilter($0) })
                #expect(try isShaped() == false)
            }
            try node.routes.perform(.deleteHooks(from: pod))

            let limit = ["root", "tbf", "rate", "10mbit", "burst", "32k", "latency", "100ms"]
            try Command.run(Self.tc, ["qdisc", "add", "dev", "vethaaaaaaaaaaa"] + limit)
            #expect(try isShaped() == true)
            try Command.run(Self.tc, "qdisc", "delete", "dev", "vethaaaaaaaaaaa", "root")
            #expect(try isShaped() == false)
            try Command.run(Self.tc, "qdisc", "add", "dev", "vethaaaaaaaaaaa", "ingress")
            #expect(try isShaped() == false, "a hook with nothing on it")
            let match = ["protocol", "all", "pref", "1", "u32", "match", "u32", "0", "0"]
            try Command.run(Self.tc, ["filter", "add", "dev", "vethaaaaaaaaaaa", "ingress"] + match)
            #expect(try isShaped() == true)
        }
    }

    @Test func aChainOnTheInterfaceCounts() throws {
        try TestNamespace.run {
            let node = try PodNode()
            let pods = [
                try node.attach("vethaaaaaaaaaaa", ["10.220.1.3"]), try node.attach("vethbbbbbbbbbbb", ["10.220.1.4"]),
            ]
            try Command.run("/usr/sbin/nft", "add", "table", "netdev", "guard")
            let hook = "{ type filter hook ingress device \"vethaaaaaaaaaaa\" priority 0; }"
            try Command.run("/usr/sbin/nft", "add", "chain", "netdev", "guard", "in", hook)
            #expect(try pods.map { try node.pods().byInterface[$0]?.isShaped } == [true, false])
        }
    }

    @Test func differencesNameWhatCameChangedAndWent() {
        let pods = (1...3).map { number in
            LocalPod(
                hostInterface: "veth\(number)", interfaceIndex: number, hostMAC: PodNode.mac, bridge: nil,
                mac: PodNode.mac,
                addresses: [], isShaped: false)
        }
        var changed = pods[1]
        changed.isShaped = true
        let former = LocalPods([pods[0], pods[1]])
        #expect(LocalPods(pods).difference(from: LocalPods(pods)).isEmpty)
        let difference = LocalPods([changed, pods[2]]).difference(from: former)
        #expect(difference.removed == [pods[0]] && Set(difference.updated) == [changed, pods[2]])
    }

    @Test func everyChangeIsTold() throws {
        try TestNamespace.run {
            let node = try PodNode()
            let pod = try node.attach("vethaaaaaaaaaaa", ["10.220.1.3"])
            // Also where no pod was ever attached.
            try Files.removeTree(node.paths.run)
            let watch = try PodWatch(node.paths)
            let changes: [(what: String, change: () throws -> Void)] = [
                ("record", { try node.record("vethaaaaaaaaaaa", ["10.220.1.3"]) }),
                ("record removed", { try Files.remove(node.recordPath("vethaaaaaaaaaaa")) }),
                ("record again", { try node.record("vethaaaaaaaaaaa", ["10.220.1.3"]) }),
                ("link", { try node.routes.perform(.changeLink(pod, LinkChange(mtu: 1400))) }),
                ("hooks", { try node.routes.perform(.addHooks(to: pod)) }),
                ("link removed", { try node.routes.perform(.deleteLink(pod)) }),
                ("directory removed", { try Files.removeTree(node.paths.attachments) }),
                ("record in a new directory", { try node.record("vethaaaaaaaaaaa", ["10.220.1.3"]) }),
            ]
            for (what, change) in changes {
                // Coming up, IPv6 may still have something to say about the links.
                while isReadable(watch) { watch.drain() }
                try change()
                #expect(isReadable(watch), "\(what)")
            }
        }
    }

    private func isReadable(_ watch: PodWatch) -> Bool {
        Wait.forAny(watch.descriptors.map { ($0, Wait.readable) }, milliseconds: 100).contains { $0 != 0 }
    }
}

/// A node's namespace with a bridge, and a directory of records.
private final class PodNode {
    static let mac = MACAddress(locallyAdministered: 9)

    let paths: NodePaths
    let routes: RouteSocket
    private let veths: PodVeths

    /// Makes it on a thread of ``TestNamespace``.
    init() throws {
        paths = NodePaths(root: "/tmp/warrens-pods-\(getpid())-\(UInt32.random(in: 0 ... .max))")
        routes = try RouteSocket()
        try Files.makeDirectories(paths.attachments)
        try routes.perform(.createBridge(Bridge(name: "cni0")))
        veths = PodVeths(paths, routes, try Nftables()) { $0.program?.name.hasPrefix("warrens_") == true }
    }

    deinit {
        try? Files.removeTree(paths.root)
    }

    func pods() throws -> LocalPods { try veths.pods() }

    /// - Returns: The index of the host's end.
    @discardableResult
    func attach(_ interface: String, _ addresses: [String], phase: String = "attached") throws -> Int32 {
        let peer = VethEnd(name: "p\(interface.dropFirst(5))")
        try routes.perform(.createVeth(VethEnd(name: interface), isUp: true, peer: peer))
        try record(interface, addresses, phase: phase)
        return try #require(try routes.link(named: interface)?.index)
    }

    func record(_ interface: String, _ addresses: [String], phase: String = "attached") throws {
        try Files.makeDirectories(paths.attachments)
        let list = addresses.map { "\"\($0)\"" }.joined(separator: ",")
        let text = """
            {"containerID":"\(interface)","interfaceName":"eth0",
             "networkNamespace":{"path":"/run/netns/\(interface)","device":4,"inode":4026532000},
             "network":"warrens","bridge":"cni0","hostInterface":"\(interface)","mac":"\(Self.mac)",
             "addresses":[\(list)],"gateways":[],"masquerade":false,"phase":"\(phase)"}
            """
        try Files.replace(recordPath(interface), with: text.utf8)
    }

    func recordPath(_ interface: String) -> String { "\(paths.attachments)/\(interface).json" }
}
