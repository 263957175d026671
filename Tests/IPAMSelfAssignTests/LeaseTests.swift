import Host
import JSON
import Testing

@Suite struct LeaseTests {
    @Test func leasesOneAddressOfEachFamily() throws {
        try Node.with { node in
            let answer = try node.run("ADD")
            #expect(answer.isSuccess, "\(answer.text)")
            #expect(
                answer.object == [
                    "cniVersion": "1.1.0",
                    "ips": [
                        [
                            "address": "fd53:7769:726c:3029:13e9:dc81:ee6d:10/112",
                            "gateway": "fd53:7769:726c:3029:13e9:dc81:ee6d:2",
                        ],
                        ["address": "10.220.106.8/24", "gateway": "10.220.106.2"],
                    ],
                ])
            #expect(try node.leaseFiles().count == 1)
            #expect(try node.leasedAddresses() == ["10.220.106.8", "fd53:7769:726c:3029:13e9:dc81:ee6d:10"])

            #expect(try node.run("CHECK").isSuccess)
            let deletion = try node.run("DEL")
            #expect(deletion.isSuccess && deletion.text.isEmpty)
            #expect(try node.leaseFiles().isEmpty)
            #expect(try node.leasedAddresses().isEmpty)
            #expect(try node.run("CHECK").code == 999)
        }
    }

    @Test func theSameAttachmentGetsTheSameAddresses() throws {
        try Node.with { node in
            let first = try node.run("ADD", "a")
            let other = try node.run("ADD", "a", interface: "net1")
            #expect(first.addresses != other.addresses)
            #expect(try node.run("ADD", "a").text == first.text)
            #expect(try node.run("ADD", "b").addresses != first.addresses)
            #expect(try node.leaseFiles().count == 3)
        }
    }

    @Test func recentlyReleasedAddressesComeLast() throws {
        try Node.with(settings: #"{"profile":"paper","families":["ipv4"]}"#) { node in
            // Eight addresses; all are used once before the first is used again.
            var seen: [String] = []
            for number in 0..<8 {
                seen += try node.run("ADD", "c\(number)").addresses
                #expect(try node.run("DEL", "c\(number)").isSuccess)
            }
            #expect(Set(seen).count == 8)
            _ = try node.run("ADD", "x")
            _ = try node.run("ADD", "y")
            _ = try node.run("DEL", "y")
            _ = try node.run("DEL", "x")
            // y's address was released before x's, and both after the other six.
            let later = try (0..<8).flatMap { try node.run("ADD", "d\($0)").addresses }
            #expect(later == Array(seen[2...]) + [seen[1], seen[0]])
        }
    }

    @Test func deletionOfNothingSucceeds() throws {
        try Node.with { node in
            #expect(try node.run("DEL").isSuccess)
            #expect(!Files.exists(node.leaseRoot))
            _ = try node.run("ADD", "other")
            #expect(try node.run("DEL").isSuccess)
            try node.setSettings("{ not json")
            #expect(try node.run("DEL", "other", ipam: #""ranges":5,"x":1"#).isSuccess)
            #expect(try node.leaseFiles().isEmpty)
        }
    }

    @Test func networksNeverShareAnAddress() throws {
        try Node.with { node in
            let one = try node.run("ADD", network: "one")
            let two = try node.run("ADD", network: "two")
            #expect(Set(one.addresses).isDisjoint(with: two.addresses))
            _ = try node.run("DEL", network: "one")
            #expect(try node.leaseFiles("two").count == 1)
            #expect(try node.leasedAddresses().count == 2)
        }
    }

    @Test func exhaustionNamesFamilyAndPool() throws {
        try Node.with(settings: #"{"profile":"paper"}"#) { node in
            for number in 0..<8 { #expect(try node.run("ADD", "c\(number)").isSuccess) }
            #expect(try node.run("STATUS").code == 50)
            let refused = try node.run("ADD", "c8")
            #expect(refused.code == 11)
            #expect(refused.message == "no free IPv4 address in 10.83.103.56-10.83.103.63")
            #expect(try node.leaseFiles().count == 8)
            #expect(try node.leasedAddresses().count == 16)
            _ = try node.run("DEL", "c3")
            #expect(try node.run("STATUS").isSuccess)
            #expect(try node.run("ADD", "c8").addresses.contains("10.83.103.59/28"))
        }
    }

    @Test func lastIPv4AddressIsKeptFromOtherPlugins() throws {
        try Node.with(settings: #"{"profile":"paper","families":["ipv4"]}"#) { node in
            for number in 0..<7 { #expect(try node.run("ADD", "c\(number)", type: "bridge").isSuccess) }
            #expect(try node.run("STATUS", type: "bridge").code == 50)
            #expect(try node.run("ADD", "c7", type: "bridge").code == 11)
            #expect(try node.run("STATUS").isSuccess)
            #expect(try node.run("ADD", "c7").addresses == ["10.83.103.63/28"])
            #expect(try node.run("ADD", "c8").code == 11)
            _ = try node.run("DEL", "c2")
            #expect(try node.run("ADD", "c8", type: "bridge").isSuccess)
        }
    }

    @Test func collectsWhatIsNotValid() throws {
        try Node.with { node in
            for name in ["a", "b", "c"] { _ = try node.run("ADD", name) }
            _ = try node.run("ADD", "a", network: "other")
            let absent = try node.run("GC")
            #expect(absent.code == 7)
            #expect(absent.message.contains("cni.dev/valid-attachments"))
            #expect(try node.leaseFiles().count == 3)
            let list =
                #""cni.dev/valid-attachments":[{"containerID":"b","ifname":"eth0"},{"containerID":"c","ifname":"x"}]"#
            #expect(try node.run("GC", extra: list).isSuccess)
            #expect(try node.leaseFiles().count == 1)
            #expect(try node.run("CHECK", "b").isSuccess)
            #expect(try node.run("GC", extra: #""cni.dev/attachments":[]"#).isSuccess)
            #expect(try node.leaseFiles().isEmpty)
            #expect(try node.leaseFiles("other").count == 1)
        }
    }

    @Test func checkComparesWithThePreviousResult() throws {
        try Node.with { node in
            _ = try node.run("ADD")
            let v6 = "fd53:7769:726c:3029:13e9:dc81:ee6d:10"
            let good = #""prevResult":{"ips":[{"address":"\#(v6)/128"},{"address":"10.220.106.8/32"}]}"#
            #expect(try node.run("CHECK", extra: good).isSuccess)
            let bad = try node.run("CHECK", extra: #""prevResult":{"ips":[{"address":"\#(v6)/128"}]}"#)
            #expect(bad.message.contains("10.220.106.8"))
            #expect(try node.run("CHECK", interface: "eth1").code == 999)
            try Files.remove("\(node.leaseRoot)/.addresses/10.220.106.8")
            #expect(try node.run("CHECK", extra: good).code == 999)
        }
    }

    @Test func statusChangesNothing() throws {
        try Node.with { node in
            #expect(try node.run("STATUS").isSuccess)
            #expect(!Files.exists("\(node.root)/run") && !Files.exists("\(node.root)/var"))
            try node.setSettings(#"{"port":"x"}"#)
            #expect(try node.run("STATUS").code == 50)
        }
    }
}
