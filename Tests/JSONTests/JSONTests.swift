import JSON
import Testing

@Suite struct JSONValueTests {
    private func parse(_ text: String) throws -> JSONValue {
        try JSONValue(parsing: Array(text.utf8))
    }

    static let readable: [(String, JSONValue)] = [
        ("null", .null), ("true", true), (" [1, 2 ,3]\n", [1, 2, 3]), ("\"a\\/b\"", "a/b"),
        (#"{"a":{"b":[]},"c":"d"}"#, ["a": ["b": []], "c": "d"]),
        (#""\u00e9\ud83d\ude00""#, "é😀"), (#""\ud83d""#, "\u{fffd}"), (#""\ud83dx\udc00""#, "\u{fffd}x\u{fffd}"),
        (#""\ud83d\n""#, "\u{fffd}\n"), (#""\ud83d\ud83d\ude00""#, "\u{fffd}😀"), (#""\u0000""#, "\u{0}"),
        ("\"é😀\"", "é😀"), ("{}", [:]), ("[]", []), ("[[],[[]],{}]", [[], [[]], [:]]),
    ]

    @Test(arguments: readable)
    func readsValues(text: String, value: JSONValue) throws {
        #expect(try parse(text) == value)
    }

    @Test(arguments: [
        "", " ", "nul", "truex", "[1,]", "[,1]", "[1 2]", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{,}", "{a:1}", "[", "{",
        "\"", "\"\\", "\"\\x\"", "\"\\u12g4\"", "\"\\u12\"", "01", "-", "1.", ".5", "1e", "+1", "0x10", "1 2", "{} {}",
        "]", "}", "[}", "{]", "\"\u{1}\"", "\"\n\"", "'a'", "NaN", "Infinity", "[1}", "// x", "\u{feff}{}", ",", ":",
    ])
    func refusesWhatIsNotJSON(text: String) {
        #expect(throws: JSONError.self) { try parse(text) }
    }

    @Test(
        arguments: [
            [0x22, 0x80, 0x22], [0x22, 0xc0, 0x80, 0x22], [0x22, 0xed, 0xa0, 0x80, 0x22],
            [0x22, 0xf5, 0x80, 0x80, 0x80, 0x22],
            [0x22, 0xe2, 0x82, 0x22], [0x22, 0xf0, 0x80, 0x80, 0x80, 0x22], [0x22, 0xf4, 0x90, 0x80, 0x80, 0x22],
            [0xff],
            [0x22, 0x00, 0x22], [0x7b, 0x7d, 0x00], [0x00], [0x22, 0xc3],
        ] as [[UInt8]])
    func refusesInvalidBytes(bytes: [UInt8]) {
        #expect(throws: JSONError.self) { try JSONValue(parsing: bytes) }
    }

    @Test func errorNamesTheOffset() throws {
        let error = #expect(throws: JSONError.self) { try parse("{\"a\": tru}") }
        #expect(error?.offset == 9)
        #expect(error?.description == "unexpected \"}\" in line 1, column 10")
    }

    /// Lines are counted across the chunks in which a stream comes.
    @Test(arguments: 1...9) func errorNamesLineAndColumn(chunk: Int) throws {
        var rest = Array("{\n  \"a\": 1,\n  \"bc\": tru\n}".utf8)[...]
        var reader = JSONReader { bytes in
            let piece = rest.prefix(chunk)
            bytes += piece
            rest = rest.dropFirst(chunk)
            return piece.count
        }
        var caught: JSONError?
        do { _ = try reader.readValue() } catch { caught = error }
        #expect(caught?.line == 3 && caught?.column == 12 && caught?.offset == 23)
    }

    @Test func nestingHasALimit() throws {
        let deep = { (levels: Int) in String(repeating: "[", count: levels) + String(repeating: "]", count: levels) }
        _ = try parse(deep(JSONValue.depthLimit))
        #expect(throws: JSONError.self) { try parse(deep(JSONValue.depthLimit + 1)) }
        #expect(throws: JSONError.self) { try parse(String(repeating: "{\"a\":", count: 100_000)) }
    }

    @Test func ofDuplicateKeysTheLastCounts() throws {
        let object = try #require(try parse(#"{"a":1,"b":2,"a":3}"#).objectValue)
        #expect(object["a"] == 3)
        #expect(object.keys == ["a", "b"])
    }

    @Test func largeObjectsStayFast() throws {
        let text = "{" + (0..<50_000).map { "\"key\($0)\":\($0)" }.joined(separator: ",") + "}"
        let object = try #require(try parse(text).objectValue)
        #expect(object.count == 50_000)
        #expect(object["key49999"] == 49_999)
    }

    @Test(arguments: [
        ("1e+09", 1_000_000_000), ("1.0", 1), ("-0", 0), ("9223372036854775807", Int.max), ("9223372036854775808", nil),
        ("1.5", nil), ("1e400", nil), ("1e-400", 0), ("-12", -12), ("1.5e1", 15), ("1e19", nil), ("1e17", nil),
    ])
    func readsWholeNumbersInAnyNotation(text: String, value: Int?) throws {
        #expect(try parse(text).intValue == value)
    }

    @Test(arguments: [
        #"{"b":1e+09,"a":[1.50,"x/y","\"\\\n\u0001é"],"c":{},"d":[]}"#, "[]", "{}", "\"\\t\\r\"", "[null,true,false]",
    ])
    func writesWhatItRead(text: String) throws {
        #expect(try parse(text).serialized() == text)
    }

    @Test func writesForPeople() throws {
        let value: JSONValue = ["a": [1, ["b": "c"]], "d": [], "e": [:]]
        #expect(
            value.serialized(pretty: true) == """
                {
                  "a": [
                    1,
                    {
                      "b": "c"
                    }
                  ],
                  "d": [],
                  "e": {}
                }
                """)
    }

    @Test func objectsAreEqualInAnyOrder() {
        let one: JSONObject = ["a": 1, "b": 2]
        let other: JSONObject = ["b": 2, "a": 1]
        #expect(one == other)
        #expect(one.hashValue == other.hashValue)
        #expect(one != ["a": 1])
        #expect(one != ["a": 1, "c": 2])
    }

    @Test func membersAreRemovedByNil() {
        var object: JSONObject = ["a": 1, "b": 2, "c": 3]
        object["b"] = nil
        #expect(object.keys == ["a", "c"])
        object["b"] = 4
        #expect(object.keys == ["a", "c", "b"])
    }
}
