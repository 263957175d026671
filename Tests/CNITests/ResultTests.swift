import Addressing
import Host
import JSON
import Testing

@testable import CNI

@Suite struct ResultTests {
    /// Every member that any version has.
    static let full = AttachmentResult(
        interfaces: [
            .init(name: "veth1", mac: "02:00:00:00:00:01", mtu: 1420),
            .init(
                name: "eth0", mac: "02:00:00:00:00:02", mtu: 1420, sandbox: "/var/run/netns/x",
                socketPath: "/run/vhost",
                pciID: "0000:04:00.5"),
        ],
        addresses: [
            .init(address: prefix("fd53::10/112"), gateway: IPAddress("fd53::2"), interface: 1),
            .init(address: prefix("10.220.106.8/24"), gateway: IPAddress("10.220.106.2"), interface: 1),
            .init(address: prefix("10.220.106.9/24"), interface: 1),
        ],
        routes: [
            .init(destination: prefix("::/0"), gateway: IPAddress("fd53::2")),
            .init(
                destination: prefix("0.0.0.0/0"), gateway: IPAddress("10.220.106.2"), mtu: 1400, advertisedMSS: 1360,
                priority: 10, table: 100, scope: 0),
        ],
        dns: DNS(
            nameservers: ["10.96.0.10"], domain: "example", search: ["a.example", "example"], options: ["ndots:5"]))

    static func prefix(_ text: String) -> IPPrefix { IPPrefix(text) ?? IPPrefix(host: .unspecified(.v4)) }

    @Test(arguments: SpecVersion.allCases)
    func writesTheShapeOfEachVersion(version: SpecVersion) throws {
        let golden = try Files.read(testFile("Golden/cni/result-\(version.rawValue).json"))
        let text = JSONValue.object(try Self.full.json(version: version)).serialized(pretty: true) + "\n"
        #expect(text == String(decoding: golden, as: UTF8.self))
    }

    @Test(arguments: SpecVersion.allCases)
    func readsTheShapeOfEachVersion(version: SpecVersion) throws {
        let golden = try JSONValue(parsing: Files.read(testFile("Golden/cni/result-\(version.rawValue).json")))
        let object = try #require(golden.objectValue)
        let result = try AttachmentResult(json: object, version: .newest)
        // What a version can express survives being read and written.
        #expect(try result.json(version: version) == object)
        if version >= .v1_0_0 { #expect(result == Self.full) }
    }

    @Test(arguments: [SpecVersion.v0_1_0, .v0_2_0])
    func oldVersionsNeedAnAddress(version: SpecVersion) {
        let error = #expect(throws: CNIError.self) { try AttachmentResult().json(version: version) }
        #expect(error?.code == .incompatibleVersion)
    }

    @Test func emptyMembersAreLeftOut() throws {
        #expect(
            try JSONValue.object(AttachmentResult().json(version: .v1_0_0)).serialized() == #"{"cniVersion":"1.0.0"}"#)
    }

    @Test(arguments: [
        (#"{"ips":[{"address":"10.0.0.1"}]}"#, "result.ips[0].address"), (#"{"ips":{}}"#, "result.ips"),
        (#"{"ips":[{}]}"#, "result.ips[0].address"), (#"{"ips":[1]}"#, "result.ips"),
        (#"{"ips":[{"address":"10.0.0.1/33"}]}"#, "result.ips[0].address"),
        (#"{"ips":[{"address":"10.0.0.1/24","interface":1}],"interfaces":[{"name":"a"}]}"#, "result.ips[0].interface"),
        (#"{"ips":[{"address":"10.0.0.1/24","interface":-1}]}"#, "result.ips[0].interface"),
        (#"{"ips":[{"address":"10.0.0.1/24","gateway":"x"}]}"#, "result.ips[0].gateway"),
        (#"{"routes":[{"gw":"10.0.0.1"}]}"#, "result.routes[0].dst"),
        (#"{"routes":[{"dst":"10.0.0.0/8","mtu":-1}]}"#, "result.routes[0].mtu"),
        (#"{"routes":[{"dst":"10.0.0.0/8","scope":1e99}]}"#, "result.routes[0].scope"),
        (#"{"interfaces":[{"name":"a","mtu":99999999999999999999}]}"#, "result.interfaces[0].mtu"),
        (#"{"dns":{"nameservers":"x"}}"#, "result.dns.nameservers"), (#"{"cniVersion":"7"}"#, "result.cniVersion"),
    ])
    func namesTheCulprit(text: String, path: String) throws {
        let object = try #require(try JSONValue(parsing: Array(text.utf8)).objectValue)
        let error = #expect(throws: CNIError.self) { try AttachmentResult(json: object, version: .v1_0_0) }
        #expect(error?.code == .decodingFailure)
        #expect(error?.message.hasPrefix(path) == true, "\(error?.message ?? "")")
    }

    @Test func toleratesWhatGoWrites() throws {
        let text =
            #"{"interfaces":null,"ips":[{"address":"10.0.0.1/24","gateway":"","mtu":1e+03}],"routes":null,"dns":{}}"#
        let object = try #require(try JSONValue(parsing: Array(text.utf8)).objectValue)
        let result = try AttachmentResult(json: object, version: .v0_4_0)
        #expect(result == AttachmentResult(addresses: [.init(address: Self.prefix("10.0.0.1/24"))]))
    }
}
