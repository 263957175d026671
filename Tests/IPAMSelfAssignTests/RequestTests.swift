import Host
import JSON
import Testing

@Suite struct RequestTests {
    private let v4Only = #"{"families":["ipv4"]}"#

    @Test func theBestSourceOfRequestedAddressesWins() throws {
        try Node.with(settings: v4Only) { node in
            let runtime = #""runtimeConfig":{"ips":["10.220.106.20/24"]}"#
            let arguments = #""args":{"cni":{"ips":["10.220.106.21"]}}"#
            let first = try node.run("ADD", "a", extra: "\(runtime),\(arguments)", arguments: "IP=10.220.106.22")
            #expect(first.addresses == ["10.220.106.20/24"])
            let second = try node.run("ADD", "b", extra: arguments, arguments: "IP=10.220.106.22")
            #expect(second.addresses == ["10.220.106.21/24"])
            #expect(try node.run("ADD", "c", arguments: "IP=10.220.106.22/16").addresses == ["10.220.106.22/24"])
            // What was asked for is skipped when its turn comes.
            let next = try (0..<15).flatMap { try node.run("ADD", "n\($0)").addresses }
            #expect(next.first == "10.220.106.8/24")
            #expect(next[11] == "10.220.106.19/24")
            #expect(next[12] == "10.220.106.23/24")
        }
    }

    @Test func eachFamilyMayBeAskedFor() throws {
        try Node.with { node in
            let v6 = "fd53:7769:726c:3029:13e9:dc81:ee6d:abcd"
            let both = #""runtimeConfig":{"ips":["10.220.106.20","\#(v6)"]}"#
            #expect(try node.run("ADD", "a", extra: both).addresses == ["\(v6)/112", "10.220.106.20/24"])
            let one = #""runtimeConfig":{"ips":["10.220.106.21"]}"#
            let other = try node.run("ADD", "b", extra: one)
            #expect(other.addresses == ["fd53:7769:726c:3029:13e9:dc81:ee6d:10/112", "10.220.106.21/24"])
        }
    }

    @Test(arguments: [
        ("IP=10.220.106.2", 7), ("IP=10.220.106.7", 7), ("IP=10.220.107.8", 7), ("IP=x", 4), ("IP=fe80::1", 7),
        ("OTHER=1", 4), ("IgnoreUnknown=0;K8S_POD_NAME=p", 4),
    ])
    func refusesWhatCannotBeLeased(arguments: String, code: Int) throws {
        try Node.with { node in
            let answer = try node.run("ADD", arguments: arguments)
            #expect(answer.code == code, "\(answer.text)")
            #expect(try node.leasedAddresses().isEmpty)
        }
    }

    @Test func refusesWhatIsTaken() throws {
        try Node.with { node in
            _ = try node.run("ADD", "a", arguments: "IP=10.220.106.30")
            let refused = try node.run("ADD", "b", arguments: "IP=10.220.106.30")
            #expect(refused.code == 11)
            #expect(refused.details == "to eth0 of container a")
            #expect(try node.leasedAddresses().count == 2)
            // The same attachment may ask again, or for another.
            #expect(try node.run("ADD", "a", arguments: "IP=10.220.106.30").isSuccess)
            #expect(try node.run("ADD", "a", arguments: "IP=10.220.106.31").addresses.last == "10.220.106.31/24")
            #expect(try node.leasedAddresses().count == 2)
        }
    }

    @Test func kubernetesArgumentsAreAccepted() throws {
        try Node.with { node throws in
            let arguments =
                "IgnoreUnknown=1;K8S_POD_NAMESPACE=n;K8S_POD_NAME=p;K8S_POD_INFRA_CONTAINER_ID=c;K8S_POD_UID=u"
            #expect(try node.run("ADD", arguments: arguments).isSuccess)
        }
    }

    @Test func acceptsRangesWithinOwnSubnets() throws {
        try Node.with { node in
            let ranges =
                #""ranges":[[{"subnet":"10.220.106.0/24","rangeStart":"10.220.106.100","rangeEnd":"10.220.106.101"}]]"#
            #expect(try node.run("ADD", "a", ipam: ranges).addresses == ["10.220.106.100/24"])
            let second = try node.run("ADD", "b", ipam: ranges)
            #expect(second.addresses == ["10.220.106.101/24"])
            #expect(second.object["ips"]?.arrayValue?.first?.objectValue?["gateway"] == "10.220.106.2")
            #expect(try node.run("ADD", "c", ipam: ranges).code == 11)
            // A whole subnet keeps what it reserves, and what another range has leased.
            let whole = #""subnet":"10.220.106.0/24""#
            #expect(try node.run("ADD", "d", ipam: whole).addresses == ["10.220.106.8/24"])
            let overlapping = #""subnet":"10.220.106.0/24","rangeStart":"10.220.106.100""#
            #expect(try node.run("ADD", "e", ipam: overlapping).addresses == ["10.220.106.102/24"])
        }
    }

    @Test func rangesElsewhereNeedTheTunnelOff() throws {
        try Node.with { node in
            let ranges = #""ranges":[[{"subnet":"192.0.2.0/29"}],[{"subnet":"2001:db8::/64","gateway":"2001:db8::1"}]]"#
            let refused = try node.run("ADD", ipam: ranges)
            #expect(refused.code == 7)
            #expect(refused.message.contains("ipam.ranges[0][0]: 192.0.2.0/29 is not in this node's own subnets"))
            let off = #""tunnel":{"enabled":false}"#
            let accepted = try node.run("ADD", ipam: ranges, extra: off)
            #expect(accepted.addresses == ["192.0.2.2/29", "2001:db8::2/64"], "\(accepted.text)")
            for number in 3...6 {
                #expect(
                    try node.run("ADD", "c\(number)", ipam: ranges, extra: off).addresses.first
                        == "192.0.2.\(number)/29")
            }
            #expect(try node.run("ADD", "c7", ipam: ranges, extra: off).code == 11)
        }
        try Node.with(settings: #"{"subnets":["192.0.2.0/25"]}"#) { node throws in
            #expect(try node.run("ADD", ipam: #""subnet":"192.0.2.0/25""#).addresses == ["192.0.2.8/25"])
        }
    }

    @Test func runtimeRangesComeFirst() throws {
        try Node.with { node in
            let extra = #""tunnel":{"enabled":false},"runtimeConfig":{"ipRanges":[[{"subnet":"198.51.100.0/24"}]]}"#
            let answer = try node.run("ADD", ipam: #""ranges":[[{"subnet":"192.0.2.0/24"}]]"#, extra: extra)
            #expect(answer.addresses == ["198.51.100.2/24", "192.0.2.2/24"])
        }
    }

    @Test func aSetMayHaveSeveralRanges() throws {
        try Node.with { node throws in
            let ipam = #""ranges":[[{"subnet":"192.0.2.0/30"},{"subnet":"198.51.100.0/30"}]]"#
            let off = #""tunnel":{"enabled":false}"#
            #expect(try node.run("ADD", "a", ipam: ipam, extra: off).addresses == ["192.0.2.2/30"])
            #expect(try node.run("ADD", "b", ipam: ipam, extra: off).addresses == ["198.51.100.2/30"])
            #expect(try node.run("ADD", "c", ipam: ipam, extra: off).code == 11)
        }
    }

    @Test(arguments: [
        (#""ranges":5"#, 7, "ipam.ranges"), (#""ranges":[5]"#, 7, "ipam.ranges[0]"),
        (#""ranges":[[]]"#, 7, "ipam.ranges[0]"),
        (#""ranges":[[{}]]"#, 7, "ipam.ranges[0][0]"), (#""subnet":"10.220.106.1/24""#, 7, "host bits"),
        (#""subnet":"x""#, 7, "ipam.subnet"), (#""rangeStart":"10.0.0.1""#, 7, "ipam.rangeStart"),
        (#""subnet":"10.220.106.0/24","rangeStart":"10.0.0.1""#, 7, "ipam.rangeStart"),
        (#""subnet":"10.220.106.0/24","rangeStart":"10.220.106.5""#, 7, "reserved"),
        (#""subnet":"10.220.106.0/24","rangeStart":"10.220.106.50","rangeEnd":"10.220.106.40""#, 7, "empty"),
        (#""subnet":"10.220.106.0/24","gateway":"::1""#, 7, "gateway"),
        (#""subnet":"10.220.106.0/24","gateway":"10.220.107.2""#, 7, "ipam.gateway: 10.220.107.2 is no address"),
        (#""subnet":"10.220.106.0/24","gateway":"10.220.106.0""#, 7, "ipam.gateway: 10.220.106.0 is no address"),
        (#""subnet":"10.220.106.0/24","gateway":"10.220.106.1""#, 7, "tunnel device"),
        (#""subnet":"10.220.106.0/25","rangeEnd":"10.220.106.200""#, 7, "ipam.rangeEnd"),
        (#""ranges":[[{"subnet":"10.220.106.0/24"},{"subnet":"10.220.106.0/25"}]]"#, 7, "overlap"),
        (
            #""ranges":[[{"subnet":"10.220.106.0/24"},{"subnet":"fd53:7769:726c:3029:13e9:dc81:ee6d::/112"}]]"#, 7,
            "famil"
        ),
        (#""prefix":"10.0.0.0/8""#, 7, "ipam.prefix"), (#""v4Width":5"#, 7, "ipam.v4Width"),
        (#""families":[]"#, 7, "families"),
        (#""profile":"paper""#, 7, "profile"), (#""width":3"#, 7, "width"),
        (#""rangs":[[1,2]]"#, 2, "ipam.rangs: [[1,2]]"), (#""routes":[{"dst":"x"}]"#, 7, "ipam.routes[0].dst"),
        (#""dataDir":"relative""#, 7, "ipam.dataDir"), (#""resolvConf":"/nonexistent""#, 7, "ipam.resolvConf"),
    ])
    func namesWhatIsWrong(ipam: String, code: Int, text: String) throws {
        try Node.with { node in
            let answer = try node.run("ADD", ipam: ipam)
            #expect(answer.code == code, "\(answer.text)")
            #expect(answer.message.contains(text), "\(answer.text)")
            #expect(try node.leasedAddresses().isEmpty)
        }
    }

    @Test func clusterKeysAreSentToTheSettings() throws {
        try Node.with { node in
            let answer = try node.run("ADD", ipam: #""prefix":"10.0.0.0/8""#)
            #expect(answer.details.contains("\(node.root)/etc/warrens/warrens.json"))
        }
    }

    @Test func routesAndNameServersAreCopied() throws {
        try Node.with { node in
            let file = "\(node.root)/resolv.conf"
            let content =
                "# c\nnameserver 10.96.0.10\nnameserver fd00::1\nsearch a b\noptions ndots:5 edns0\ndomain d\n"
            try Files.replace(file, with: Array(content.utf8))
            let answer = try node.run(
                "ADD",
                ipam:
                    #""routes":[{"dst":"0.0.0.0/0"},{"dst":"10.0.0.0/8","gw":"10.220.106.2","mtu":1400}],"resolvConf":"\#(file)""#
            )
            #expect(
                answer.object["routes"] == [
                    ["dst": "0.0.0.0/0"], ["dst": "10.0.0.0/8", "gw": "10.220.106.2", "mtu": 1400],
                ])
            #expect(
                answer.object["dns"] == [
                    "nameservers": ["10.96.0.10", "fd00::1"], "domain": "d", "search": ["a", "b"],
                    "options": ["ndots:5", "edns0"],
                ])
        }
    }

    @Test func leasesMayLieElsewhere() throws {
        try Node.with { node throws in
            let ipam = #""dataDir":"\#(node.root)/data/""#
            #expect(try node.run("ADD", ipam: ipam).isSuccess)
            #expect(try Files.names(in: "\(node.root)/data/net").count == 1)
            #expect(!Files.exists(node.leaseRoot))
            #expect(try node.run("DEL", ipam: ipam).isSuccess)
            #expect(try Files.names(in: "\(node.root)/data/net").isEmpty)
        }
    }

    @Test func everyVersionIsAnswered() throws {
        try Node.with { node in
            let old = try node.run("ADD", "a", version: "0.2.0")
            #expect(old.object["ip4"]?.objectValue?["ip"] == "10.220.106.8/24")
            #expect(old.object["ip6"]?.objectValue?["gateway"] == "fd53:7769:726c:3029:13e9:dc81:ee6d:2")
            let middle = try node.run("ADD", "b", version: "0.4.0")
            #expect(middle.object["ips"]?.arrayValue?.first?.objectValue?["version"] == "6")
            #expect(try node.run("VERSION").object["supportedVersions"]?.arrayValue?.count == 7)
        }
    }
}
