import JSON
import Testing

@Suite struct JSONReaderTests {
    /// Hands out `text` in pieces of `size` bytes.
    private func fill(_ text: String, by size: Int) -> (inout [UInt8]) throws -> Int {
        var rest = Array(text.utf8)[...]
        return { buffer in
            let piece = rest.prefix(size)
            buffer += piece
            rest = rest.dropFirst(size)
            return piece.count
        }
    }

    static let text =
        #" {"kind": "List", "items": [{"name": "é😀\ud83d\ude00", "n": -12.5e+3}, {"name": null}], "x": {}} "#

    @Test(arguments: [1, 2, 3, 5, 7, 64, 4096])
    func readsAcrossPieces(size: Int) throws {
        var reader = JSONReader(fill: fill(Self.text, by: size))
        let value = try reader.readValue()
        #expect(try reader.nextToken() == .end)
        #expect(try value == JSONValue(parsing: Array(Self.text.utf8)))
    }

    @Test func givesTokens() throws {
        var reader = JSONReader(Array(#"{"a":[1,"b",{}],"c":true}"#.utf8))
        let expected: [JSONToken] = [
            .beginObject, .key("a"), .beginArray, .number(JSONNumber(1)), .string("b"), .beginObject, .endObject,
            .endArray,
            .key("c"), .bool(true), .endObject, .end, .end,
        ]
        for token in expected { #expect(try reader.nextToken() == token) }
    }

    @Test(arguments: [1, 16, 4096])
    func walksMembersAndSkipsTheRest(size: Int) throws {
        let text = """
            {"skip":{"deep":[1,{"x":"y"}]},"items":[{"name":"a","junk":[[[]]]},{"junk":"","name":"b"}],"more":[], "n": 1e5}
            """
        var reader = JSONReader(fill: fill(text, by: size))
        var names: [String] = []
        var more = 0
        while let key = try reader.nextKey() {
            switch key {
            case "items":
                while try reader.nextElement() {
                    while let key = try reader.nextKey() {
                        if key == "name" {
                            names.append(try reader.readValue().stringValue ?? "")
                        } else {
                            try reader.skipValue()
                        }
                    }
                }
            case "more": while try reader.nextElement() { more += 1 }
            default: try reader.skipValue()
            }
        }
        #expect(names == ["a", "b"])
        #expect(more == 0)
        #expect(try reader.nextToken() == .end)
    }

    @Test func skipsTextsLargerThanTheLimit() throws {
        let text = "{\"big\": \"\(String(repeating: "x", count: 100_000))\", \"small\": 1}"
        var reader = JSONReader(textLimit: 100, fill: fill(text, by: 1000))
        #expect(try reader.nextKey() == "big")
        try reader.skipValue()
        #expect(try reader.nextKey() == "small")
        #expect(try reader.readValue() == 1)

        var storing = JSONReader(textLimit: 100, fill: fill(text, by: 1000))
        #expect(try storing.nextKey() == "big")
        #expect(throws: JSONError.self) { try storing.readValue() }
    }

    @Test func valuesHaveALimitToo() throws {
        var reader = JSONReader(Array("[1,2,3,4,5,6,7,8,9]".utf8))
        #expect(throws: JSONError.self) { try reader.readValue(limit: 8) }
    }

    @Test(arguments: ["[1]", "1", "\"a\"", "null"])
    func saysWhatWasExpected(text: String) {
        #expect(throws: JSONError.self) {
            var reader = JSONReader(Array(text.utf8))
            _ = try reader.nextKey()
        }
    }

    @Test func theSourcesErrorComesOut() throws {
        struct Broken: Error {}
        var reader = JSONReader(fill: { _ in throw Broken() })
        let error = #expect(throws: JSONError.self) { try reader.nextToken() }
        #expect(error?.cause is Broken)
    }
}
