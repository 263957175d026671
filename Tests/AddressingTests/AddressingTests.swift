import Addressing
import Testing

@Suite struct AddressingTests {
    @Test(arguments: [
        ("::", "::"), ("::1", "::1"), ("0:0:0:0:0:0:0:1", "::1"), ("2001:DB8::A", "2001:db8::a"),
        ("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"), ("2001:0:0:1:0:0:0:1", "2001:0:0:1::1"),
        ("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"), ("::ffff:192.0.2.1", "::ffff:192.0.2.1"),
        ("64:ff9b::192.0.2.33", "64:ff9b::c000:221"), ("1::", "1::"), ("192.0.2.1", "192.0.2.1"),
        ("0.0.0.0", "0.0.0.0"), ("255.255.255.255", "255.255.255.255"), ("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"),
    ])
    func readsAndWritesAddresses(text: String, canonical: String) throws {
        let address = try #require(IPAddress(text))
        #expect(address.description == canonical)
        #expect(IPAddress(canonical) == address)
        #expect(IPAddress(bytes: address.bytes) == address)
    }

    @Test(arguments: [
        "", ":", ":::", "1", "1.2.3", "1.2.3.4.5", "01.2.3.4", "1.2.3.256", "1.2.3.+4", " 1.2.3.4", "1.2.3.4 ",
        "1.2.3.4/24", "::1%eth0", "1::2::3", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8::", "12345::", "g::", "::1.2.3",
        "1.2.3.4::", "1:::2", "::1:", "1:2:3:4:5:6:7:1.2.3.4", ":1:2:3:4:5:6:7", "１.2.3.4", "fd53\u{0}::1",
    ])
    func refusesWhatIsNoAddress(text: String) {
        #expect(IPAddress(text) == nil)
    }

    @Test func prefixesKnowTheirBounds() throws {
        let prefix = try #require(IPPrefix("10.220.106.8/24"))
        #expect(prefix.network.description == "10.220.106.0/24")
        #expect(prefix.last.description == "10.220.106.255")
        #expect(prefix.host(2)?.description == "10.220.106.2")
        #expect(prefix.host(256) == nil)
        #expect(!prefix.isNetwork && prefix.network.isNetwork)
        let all = try #require(IPPrefix("::/0"))
        #expect(all.last.description == "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")
        #expect(all.contains(try #require(IPAddress("2001:db8::1"))))
        #expect(!all.contains(prefix.address))
    }

    @Test func prefixesOverlapWhenOneHoldsTheOther() throws {
        let wide = try #require(IPPrefix("10.192.0.0/10"))
        let narrow = try #require(IPPrefix("10.220.106.0/24"))
        let other = try #require(IPPrefix("10.96.0.0/12"))
        #expect(wide.overlaps(narrow) && narrow.overlaps(wide) && !wide.overlaps(other))
    }

    @Test(arguments: ["10.0.0.0", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/+8", "10.0.0.0/08", "::/129", "/8", "a/8"])
    func refusesWhatIsNoPrefix(text: String) {
        #expect(IPPrefix(text) == nil)
    }

    @Test func hardwareAddresses() throws {
        let mac = try #require(MACAddress("C2:11:22:33:44:55"))
        #expect(mac.description == "c2:11:22:33:44:55" && !mac.isMulticast)
        #expect(MACAddress("c2:11:22:33:44") == nil && MACAddress("c2-11-22-33-44-55") == nil)
        let own = MACAddress(locallyAdministered: .max)
        #expect(own.bytes[0] & 3 == 2)
    }
}
