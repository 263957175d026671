import Addressing
import Glibc
import Host
import JSON
import KernelEye
import Testing

@testable import Netlink

/// Families of generic netlink: Foo-over-UDP and ethtool.
@Suite(.enabled(if: getuid() == 0, "needs root, to make network namespaces"))
struct GenericFamilyTests {
    /// The attributes behind the two headers, as ip-fou(8) sends them for `port 31337 gue`.
    @Test func aGUEPortIsSpeltAsTheKernelWantsIt() {
        let headers = 16 + 4
        let v4 = GUEPort(.v4, port: 31337).addition(Self.message())
        #expect(
            Array(v4.bytes.dropFirst(headers)) == [6, 0, 1, 0, 0x7a, 0x69, 0, 0, 5, 0, 2, 0, 2, 0, 0, 0]
                + [5, 0, 4, 0, 2, 0, 0, 0])
        let v6 = GUEPort(.v6, port: 31337).deletion(Self.message())
        #expect(Array(v6.bytes.dropFirst(headers)) == [6, 0, 1, 0, 0x7a, 0x69, 0, 0, 5, 0, 2, 0, 10, 0, 0, 0])
    }

    @Test func aGUEPortIsReadAsItWasSpelt() throws {
        let message = GUEPort(.v6, port: 31337).addition(Self.message())
        let reply = try #require(Reply.split(message.bytes[...]).first)
        #expect(GUEPort(reply) == GUEPort(.v6, port: 31337))
        let direct = GUEPort(.v4, port: 31337).deletion(Self.message())
        direct.put(4, UInt8(1))
        let other = try #require(Reply.split(direct.bytes[...]).first)
        #expect(GUEPort(other) == nil, "Foo-over-UDP without GUE")
    }

    /// A message of no family with no command.
    private static func message() -> Message {
        let message = Message(type: 0)
        message.append(UInt32(0))
        return message
    }

    @Test func aMissingFamilyIsNamedWithWhatToDo() throws {
        let error = #expect(throws: SystemError.self) {
            try GenericFamily("warrens_none", version: 1, remedy: "build one")
        }
        #expect(error?.code == ENOENT && error?.subject == "generic netlink family warrens_none")
        #expect(error?.detail == "the family does not exist in this kernel; build one")
    }

    @Test(.enabled(if: (try? DriverXDP()) != nil, "this kernel does not tell what drivers can do (before Linux 6.3)"))
    func driversSayWhetherTheyRunPrograms() throws {
        try TestNamespace.run {
            let socket = try RouteSocket()
            let pair = try socket.ensureVethPair("xdp0", "xdp1", mtu: 1500)
            try socket.perform(.createBridge(Bridge(name: "bridge0")))
            let bridge = try #require(try socket.link(named: "bridge0"))
            let drivers = try DriverXDP()
            #expect(try drivers.isNative(pair.first.index))
            #expect(try !drivers.isNative(bridge.index))
            #expect(throws: SystemError.self) { try drivers.isNative(4711) }
        }
    }

    private static let hasFooOverUDP = (try? FooOverUDP()) != nil

    @Test(.disabled(if: hasFooOverUDP, "this kernel has fou"))
    func aKernelWithoutFooOverUDPSaysWhatToDo() {
        let error = #expect(throws: SystemError.self) { try FooOverUDP() }
        #expect(error?.code == ENOENT && error?.detail.contains("modprobe fou") == true)
    }

    @Test(.enabled(if: hasFooOverUDP, "this kernel has no fou"))
    func theKernelReceivesGUE() throws {
        try TestNamespace.run {
            let kernel = try FooOverUDP()
            #expect(try kernel.ports().isEmpty)
            let ports = [GUEPort(.v4, port: 31337), GUEPort(.v6, port: 31337)]
            for port in ports { try kernel.add(port) }
            #expect(Set(try kernel.ports()) == Set(ports))
            let seen = try Command.run("/usr/sbin/ip", "fou", "show") + Command.run("/usr/sbin/ip", "-6", "fou", "show")
            #expect(seen.contains("port 31337 gue"))
            let taken = #expect(throws: SystemError.self) { try kernel.add(ports[0]) }
            #expect(taken?.code == EADDRINUSE && taken?.subject == "GUE port 31337 (IPv4)")
            for port in ports { try kernel.delete(port) }
            #expect(try kernel.ports().isEmpty)
            let missing = #expect(throws: SystemError.self) { try kernel.delete(ports[0]) }
            #expect(missing?.code == EINVAL)
        }
    }

    @Test func featuresOfADeviceAreReadAndSwitched() throws {
        try TestNamespace.run {
            let network = try PodNetwork()
            let kernel = try DeviceFeatures()
            let names = ["tx-tcp-segmentation", "tx-udp_tnl-segmentation", "rx-gro"]
            for isOn in [false, true] {
                try kernel.set(Dictionary(uniqueKeysWithValues: names.map { ($0, isOn) }), of: network.port)
                let features = try kernel.features(of: network.port)
                for name in names {
                    let feature = try #require(features.first { $0.name == name })
                    #expect(feature.isOn == isOn && feature.isWanted == isOn && feature.canChange)
                }
            }

            let features = try kernel.features(of: network.port)
            let text = try Command.run("/usr/sbin/ethtool", "-k", "vethabc")
            for line in text.split(separator: "\n") {
                let words = line.split(separator: " ").map(String.init)
                let name = words[0].drop { $0 == "\t" }.dropLast()
                // The others are ethtool's own names for several at once.
                guard words.count > 1, let feature = features.first(where: { $0.name == name }) else { continue }
                #expect(feature.isOn == (words[1] == "on"), "\(line)")
                #expect(feature.canChange == !words.contains("[fixed]"), "\(line)")
            }
            #expect(features.count > 40)
        }
    }

    @Test func whatADriverRefusesIsNamed() throws {
        try TestNamespace.run {
            let network = try PodNetwork()
            let kernel = try DeviceFeatures()
            let fixed = #expect(throws: SystemError.self) {
                try kernel.set(["rx-lro": true, "rx-gro": true], of: network.port)
            }
            #expect(fixed?.code == EOPNOTSUPP && fixed?.detail == "rx-lro stays off", "\(String(describing: fixed))")
            #expect(try kernel.features(of: network.port).contains { $0.name == "rx-gro" && $0.isOn })
            let unknown = #expect(throws: SystemError.self) { try kernel.set(["rx-nonsense": true], of: network.port) }
            #expect(unknown?.code == EINVAL || unknown?.code == EOPNOTSUPP, "\(String(describing: unknown))")
            #expect(throws: SystemError.self) { try kernel.features(of: 9999) }
        }
    }

    @Test func driversHaveNames() throws {
        try TestNamespace.run {
            _ = try PodNetwork()
            #expect(try DeviceFeatures.driver(of: "vethabc") == "veth")
            #expect(try DeviceFeatures.driver(of: "cni0") == "bridge")
            #expect(try DeviceFeatures.driver(of: "lo") == nil && DeviceFeatures.driver(of: "nonsense") == nil)
            #expect(try DeviceFeatures.driver(of: String(repeating: "x", count: 99)) == nil)
        }
    }
}
