import JSON
import Testing

@testable import Cluster

@Suite struct YAMLReaderTests {
    private static func read(_ text: String) throws -> JSONValue { try YAMLReader.read(Array(text.utf8)) }

    @Test(arguments: [
        ("", "null"), ("# nothing\n\n", "null"), ("---\na: b", #"{"a":"b"}"#),
        ("a: b\r\nc: d\r\n", #"{"a":"b","c":"d"}"#),
        ("a:\n  b: c\n  d:\n    e: f\ng: h", #"{"a":{"b":"c","d":{"e":"f"}},"g":"h"}"#),
        ("a:\n- b\n- c\nd: e", #"{"a":["b","c"],"d":"e"}"#),
        ("a:\n  - b: c\n    d: e\n  - f: g", #"{"a":[{"b":"c","d":"e"},{"f":"g"}]}"#),
        ("- - a\n  - b\n- c", #"[["a","b"],"c"]"#), ("-\n  a: b\n-\n- c", #"[{"a":"b"},null,"c"]"#),
        ("a: null\nb: ~\nc:\nd: true\ne: false\nf: 12", #"{"a":null,"b":null,"c":null,"d":true,"e":false,"f":"12"}"#),
        (#"a: "x\n\"y\" # z" # comment"#, #"{"a":"x\n\"y\" # z"}"#), ("a: 'it''s' # c", #"{"a":"it's"}"#),
        ("\"a b\": c\n'd': e", #"{"a b":"c","d":"e"}"#), ("a: {}\nb: []\nc: [\"x\"]", #"{"a":{},"b":[],"c":["x"]}"#),
        ("a: https://x:1#y # c", ##"{"a":"https://x:1#y"}"##), ("a: b\n  c\n  d\ne: f", #"{"a":"b c d","e":"f"}"#),
        ("a: |\n  x\n   y\n\n  z\nb: c", #"{"a":"x\n y\n\nz\n","b":"c"}"#), ("a: >-\n  x\n  y\n", #"{"a":"x y"}"#),
        ("a: |\n  # no comment\n  k: v\nb: c", ##"{"a":"# no comment\nk: v\n","b":"c"}"##), ("a : b", #"{"a":"b"}"#),
    ])
    func reads(text: String, json: String) throws {
        #expect(try Self.read(text).serialized() == json)
    }

    @Test(arguments: [
        ("a: &x b", 1, "anchor"), ("a: b\nc: *x", 2, "alias"), ("a: !!binary x", 1, "tag"), ("a: b\na: c", 2, "twice"),
        ("a:\n\tb: c", 2, "tab"), ("a: b\n---\nc: d", 2, "second document"), ("a:\n   b: c\n  d: e", 3, "indentation"),
        ("a: \"b", 1, "does not end"), ("a: 'b", 1, "does not end"), ("a: \"b\" c", 1, "follows"),
        (#"a: "\x41""#, 1, "escape"),
        ("a: {b: c}", 1, "flow"), ("a: |2\n  b", 1, "indicator"), ("a: b\n  c: d", 2, "mapping"),
        ("a:\n- b\nc", 3, "key: value"),
        ("<<: b", 1, "merge"), ("? a\n: b", 1, "complex"), ("a: @b", 1, "reserved"), ("a: b\nc", 2, "key: value"),
        ("- a\nb: c", 2, "indentation"), ("a: \u{0}", 1, "NUL"),
    ])
    func refusesByLineWhatItDoesNotKnow(text: String, line: Int, message: String) throws {
        let error = try #require(throws: YAMLError.self) { try Self.read(text) }
        #expect(error.line == line && error.message.contains(message), "\(error)")
    }

    @Test func refusesWhatIsNoText() {
        #expect(throws: YAMLError.self) { try YAMLReader.read([0x61, 0x3a, 0x20, 0xff]) }
        let deep = (0..<100).map { String(repeating: " ", count: $0) + "a:" }.joined(separator: "\n")
        #expect(throws: YAMLError.self) { try Self.read(deep) }
    }

    /// Whatever the bytes are, reading ends, with a value or an error.
    @Test func survivesDamage() throws {
        let text = Array("a:\n- b: 'c'\n  d: \"e\\n\"\n  f: |\n    g\nh: {\"i\": [1]}\n# j\nk: l\n".utf8)
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<3000 {
            var damaged = text
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                let byte = Array(" \n\t-:'\"|>{}[]#&*!?~a\r\\\u{0}".utf8).randomElement(using: &generator) ?? 0
                damaged[Int.random(in: damaged.indices, using: &generator)] = byte
            }
            _ = try? YAMLReader.read(damaged)
        }
    }
}
