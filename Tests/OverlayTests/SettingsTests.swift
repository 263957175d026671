import Addressing
import Host
import JSON
import Testing

@testable import Overlay

@Suite struct SettingsTests {
    private func read(_ text: String) throws -> Settings {
        try Settings(json: try JSONValue(parsing: Array(text.utf8)), source: "warrens.json")
    }

    @Test func nothingNeedsToBeConfigured() throws {
        try withNode { paths in
            #expect(try Settings.load(paths) == .default)
            try Files.replace(paths.settings, with: Array("{}".utf8))
            #expect(try Settings.load(paths) == .default)
        }
        #expect(Settings.default.v4Prefix.description == "10.192.0.0/10")
        #expect(Settings.default.v6Prefix.description == "fd53:7769:726c::/48")
        #expect(Settings.default.overlayPrefixes.map(\.family) == [.v6, .v4])
    }

    @Test func everyKeyIsTaken() throws {
        let settings = try read(
            """
            {"profile": "paper", "v4Prefix": "10.64.0.0/12", "v4Width": 10, "v6Prefix": "fd00:1:2::/48",
             "families": ["ipv4", "ipv6"], "subnets": ["10.64.1.0/24"], "nodeName": "attic",
             "nodeFile": "/srv/nodes.json", "nodeSource": "kubernetes", "serviceCIDRs": ["10.96.0.0/12", "fd00::/108"],
             "port": 4000, "localPort": 4001, "datapath": "tun", "framing": "gpe", "encryption": "none", "sourceCheck": "loose",
             "sourcePorts": "hashed", "fastPath": "off", "aggregation": "none", "keepalive": 15, "mtu": 1.4e3}
            """)
        #expect(settings.profile == .paper && settings.v4Width == 10 && settings.mtu == 1400)
        #expect(settings.keepalive == 15)
        #expect(settings.v4Prefix.description == "10.64.0.0/12" && settings.v6Prefix.description == "fd00:1:2::/48")
        #expect(settings.families == .explicit([.v6, .v4]))
        #expect(settings.subnets.map(\.description) == ["10.64.1.0/24"] && settings.serviceCIDRs.count == 2)
        #expect(settings.nodeName == "attic" && settings.nodeFile == "/srv/nodes.json")
        #expect(settings.nodeSource == .kubernetes)
        #expect(settings.port == 4000 && settings.localPort == 4001)
        #expect(settings.datapath == .tun && settings.framing == .gpe)
        #expect(settings.fastPath == .off && settings.aggregation == .none)
        #expect(settings.sourceCheck == .loose && settings.sourcePorts == .hashed)
    }

    @Test func theKernelDatapathHasItsOwnChoices() throws {
        for aggregation in Settings.Aggregation.allCases {
            let settings = try read(#"{"datapath": "ebpf", "fastPath": "on", "aggregation": "\#(aggregation)"}"#)
            #expect(settings.datapath == .ebpf && settings.fastPath == .on && settings.aggregation == aggregation)
        }
        #expect(try read(#"{"framing": "gpe", "aggregation": "auto"}"#).framing == .gpe)
        #expect(Settings.default.fastPath == .off && Settings.default.aggregation == .auto)
    }

    @Test func theProfileSetsDefaultsWhereverItStands() throws {
        #expect(try read(#"{"v4Width": 8, "profile": "paper"}"#).v4Prefix.description == "10.83.0.0/16")
        #expect(try read(#"{"v4Width": 8, "profile": "paper"}"#).v4Width == 8)
        #expect(try read(#"{"profile": null, "mtu": null, "nodeName": null}"#) == .default)
    }

    @Test(arguments: [
        (#"{"v4Prefix": "10.0.0.0"}"#, "v4Prefix", "10.192.0.0/10"),
        (#"{"v4Prefix": "fd00::/48"}"#, "v4Prefix", "IPv4"),
        (#"{"v4Prefix": "10.1.2.3/10"}"#, "v4Prefix", "10.0.0.0/10"),
        (#"{"v4Width": 19}"#, "v4Width", "at most 18"),
        (#"{"v4Width": 0}"#, "v4Width", "1 to 24"),
        (#"{"v4Prefix": "10.0.0.0/32"}"#, "v4Width", "shorter v4Prefix"),
        (#"{"v6Prefix": "fd00::/64"}"#, "v6Prefix", "48"),
        (#"{"families": []}"#, "families", "automatic"),
        (#"{"families": ["ipv5"]}"#, "families", "ipv6"),
        (#"{"port": 0}"#, "port", "1 to 65535"),
        (#"{"port": "31337"}"#, "port", "1 to 65535"),
        (#"{"port": 31338}"#, "localPort", "another port"),
        (#"{"datapath": "xdp"}"#, "datapath", #"use "auto" or "tun" or "ebpf""#),
        (#"{"framing": "vxlan"}"#, "framing", #"use "raw" or "gpe""#),
        (#"{"fastPath": true}"#, "fastPath", #"use "off" or "on""#),
        (#"{"fastPath": "on", "datapath": "tun"}"#, "fastPath", #""off""#),
        (#"{"aggregation": "gro"}"#, "aggregation", #""xdp" or "gue""#),
        (#"{"aggregation": "xdp", "datapath": "tun"}"#, "aggregation", #"use "auto""#),
        (#"{"aggregation": "gue", "framing": "gpe"}"#, "aggregation", #""framing" "raw""#),
        (#"{"aggregation": "loop", "framing": "gpe"}"#, "aggregation", #""none""#),
        (#"{"v4Prefix": "224.0.0.0/10"}"#, "v4Prefix", "without multicast"),
        (#"{"v4Prefix": "169.254.0.0/16"}"#, "v4Prefix", "10.192.0.0/10"),
        (#"{"v4Prefix": "0.0.0.0/1"}"#, "v4Prefix", "unspecified"),
        (#"{"v6Prefix": "ff00::/48"}"#, "v6Prefix", "fd53:7769:726c::/48"),
        (#"{"v6Prefix": "fe80::/48"}"#, "v6Prefix", "link-local"),
        (#"{"subnets": ["127.1.0.0/24"]}"#, "subnets", "loopback"),
        (#"{"profile": "Paper"}"#, "profile", "paper"),
        (#"{"mtu": 1279}"#, "mtu", "1280"),
        (#"{"mtu": 1e300}"#, "mtu", "1280"),
        (#"{"nodeFile": "nodes.json"}"#, "nodeFile", "absolute"),
        (#"{"nodeSource": "etcd"}"#, "nodeSource", "kubernetes"),
        (#"{"nodeName": ""}"#, "nodeName", "metadata.name"),
        (#"{"subnets": ["10.0.0.0/30"]}"#, "subnets", "28"),
        (#"{"subnets": ["10.0.0.0/24", "10.0.0.128/25"]}"#, "subnets", "overlap"),
        (#"{"serviceCIDRs": ["10.200.0.0/16"]}"#, "serviceCIDRs", "v4Prefix"),
        (#"{"serviceCIDRs": "10.96.0.0/12"}"#, "serviceCIDRs", "list"),
        (#"{"servicecidrs": []}"#, "servicecidrs", "serviceCIDRs"),
        (#"{"v4prefx": "10.0.0.0/8"}"#, "v4prefx", "v4Prefix"),
        (#"{"colour": "red"}"#, "colour", "sourceCheck"),
        ("[]", "", "{}"),
    ])
    func whatMakesNoSenseIsNamedWithARemedy(text: String, key: String, remedy: String) {
        let error = #expect(throws: OverlayError.self) { try read(text) }
        #expect(error?.key == key)
        #expect(error?.remedy.contains(remedy) == true, "\(error?.description ?? "")")
        #expect(error?.description.hasPrefix("warrens.json: ") == true)
    }

    @Test(arguments: ["", "{", "nonsense", "{}{}", "\u{0}", "{\"port\": 1", String(repeating: "[", count: 100_000)])
    func aTornFileIsAnErrorThatNamesTheFile(text: String) throws {
        try withNode { paths in
            try Files.replace(paths.settings, with: Array(text.utf8))
            let error = #expect(throws: OverlayError.self) { try Settings.load(paths) }
            #expect(error?.source == paths.settings)
        }
    }

    @Test func clashesNameWhatOurPrefixesMeet() throws {
        let host = try #require(IPPrefix("10.200.3.4/16"))
        let pod = try #require(IPPrefix("10.220.106.9/32"))
        let everything = try #require(IPPrefix("0.0.0.0/0"))
        let settings = Settings.default
        #expect(
            ClashCheck.all(
                settings: settings, addresses: [.init(pod, device: "cni0")],
                routes: [.init(pod, device: "cni0"), .init(everything, device: "eth0")]
            ).isEmpty)
        let clashes = ClashCheck.all(
            settings: settings, addresses: [.init(host, device: "eth1")],
            routes: [.init(host.network, device: "eth1")])
        #expect(
            clashes.map(\.problem) == [
                "our prefix 10.192.0.0/10 overlaps the host's address 10.200.3.4 on eth1",
                "our prefix 10.192.0.0/10 overlaps the host's route 10.200.0.0/16 on eth1",
            ])
        #expect(clashes.allSatisfy { $0.remedy.contains("v4Prefix") })
    }

    @Test func bridgesWithGatewaysOfOursAreNoClash() throws {
        let gateway = try #require(IPPrefix("10.220.106.2/32"))
        let earlier = try #require(IPPrefix("10.199.1.2/32"))
        let linkLocal = try #require(IPPrefix("fe80::1/64"))
        let pod = try #require(IPPrefix("10.220.106.9/32"))
        let foreign = try #require(IPPrefix("10.200.0.1/16"))
        let clashes = { (addresses: [IPPrefix], routes: [IPPrefix]) in
            ClashCheck.all(
                settings: .default, addresses: addresses.map { .init($0, device: "br1") },
                routes: routes.map { .init($0, device: "br1") }, bridges: ["br1"]
            ).map(\.problem)
        }
        #expect(clashes([gateway, earlier, linkLocal], [pod]).isEmpty)
        // Somebody else's bridge has a subnet.
        #expect(clashes([foreign], []) == ["our prefix 10.192.0.0/10 overlaps the host's address 10.200.0.1 on br1"])
        #expect(clashes([gateway, foreign], [pod, foreign.network]).count == 2)
    }
}
