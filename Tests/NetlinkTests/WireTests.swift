import Testing

@testable import Netlink

/// What is read off a netlink socket is checked at every step, whoever wrote it.
@Suite struct WireTests {
    /// Attribute 3 "lo", attribute 4 = 0x0102 in four bytes.
    private static let attributes: [UInt8] = [7, 0, 3, 0, 0x6c, 0x6f, 0, 0, 8, 0, 4, 0x80, 2, 1, 0, 0]

    @Test func attributesAreFoundByNumber() {
        let attributes = Payload(Self.attributes[...]).attributes()
        #expect(attributes.first(3)?.text == "lo" && attributes.first(4)?.u32 == 0x0102 && attributes.first(5) == nil)
        #expect(attributes.first(4)?.u32Big == 0x0201_0000 && attributes.first(3)?.u64 == nil)
    }

    @Test func tornAttributesEndTheList() {
        for length in 0..<Self.attributes.count {
            let found = Array(Payload(Self.attributes[..<length]).attributes())
            #expect(found.count == (length < 7 ? 0 : length < 16 ? 1 : 2))
        }
        #expect(Array(Payload([3, 0, 1, 0]).attributes()).isEmpty, "shorter than its own header")
        #expect(Array(Payload([0, 0, 0, 0]).attributes()).isEmpty, "no progress")
        #expect(Array(Payload([255, 255, 1, 0, 9]).attributes()).isEmpty, "longer than the message")
    }

    @Test func anyBytesAtAllAreReadWithoutATrap() {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<20_000 {
            let length = Int.random(in: 0..<200, using: &generator)
            var bytes = (0..<length).map { _ in UInt8.random(in: 0...255, using: &generator) }
            // Lengths that fit often, or nothing is ever read beyond the header.
            if length > 16, Bool.random() { bytes.replaceSubrange(0..<4, with: UInt32(length).hostOrderBytes) }
            if length > 6 {
                let types: [UInt16] = [2, 3, 16, 17, 20, 21, 24, 25, 28, 29, 32, 36, 44]
                bytes.replaceSubrange(4..<6, with: (types.randomElement() ?? 0).hostOrderBytes)
            }
            for reply in Reply.split(bytes[...]) {
                _ = (
                    Acknowledgement(reply), InterfaceAddress(reply), Route(reply), Neighbour(reply), RoutingRule(reply)
                )
                _ = (Link(reply), QueueingDiscipline(reply), TrafficFilter(reply, .egress), GUEPort(reply))
                _ = NftablesComment.decode(reply.payload)
            }
        }
    }

    @Test func commentsAreKeptAsNftKeepsThem() {
        #expect(NftablesComment.encode("ab") == [0, 3, 0x61, 0x62, 0])
        #expect(NftablesComment.decode(Payload([1, 1, 9, 0, 3, 0x61, 0x62, 0])) == "ab")
        #expect(
            NftablesComment.decode(Payload([0])) == ""
                && NftablesComment.encode(String(repeating: "x", count: 999)).count == 130)
    }

    @Test func longMessagesGrow() {
        let message = Message(type: 16)
        message.nest(1) {
            for number in 0..<5000 { message.put(2, UInt32(number)) }
        }
        #expect(message.failure == nil && message.bytes.count == 16 + 4 + 5000 * 8)
        message.nest(1) {
            for number in 0..<9000 { message.put(2, UInt32(number)) }
        }
        #expect(message.failure == 90, "EMSGSIZE: an attribute is at most 64 KiB long")
    }
}
