import Testing

@testable import Cluster

@Suite struct ObjectSplitterTests {
    /// What a stream of `text` gives where it comes in pieces of `size` bytes.
    private static func objects(_ text: String, _ stream: ObjectSplitter.Stream, size: Int) throws -> [String] {
        var splitter = ObjectSplitter(stream)
        return try objects(text, &splitter, size: size)
    }

    private static func objects(_ text: String, _ splitter: inout ObjectSplitter, size: Int) throws -> [String] {
        let bytes = Array(text.utf8)
        var found: [String] = []
        for start in stride(from: 0, to: bytes.count, by: size) {
            let piece = Array(bytes[start..<min(start + size, bytes.count)])
            try splitter.take(piece) { found.append(String(decoding: $0, as: UTF8.self)) }
        }
        return found
    }

    @Test(arguments: [1, 2, 3, 7, 64, 4096])
    func cutsEventsOutOfPiecesOfAnySize(size: Int) throws {
        let events = [
            #"{"type":"ADDED","object":{"a":[{"b":"}]{\"\\"}]}}"#, #"{"type":"BOOKMARK"}"#, "{}", #"{"ü":"\u007d é"}"#,
        ]
        let text = "\n " + events.joined(separator: "\n") + "\n"
        #expect(try Self.objects(text, .objects, size: size) == events)
        #expect(try Self.objects(events.joined(), .objects, size: size) == events)
    }

    @Test(arguments: [1, 2, 5, 4096])
    func cutsItemsOutOfAList(size: Int) throws {
        let text =
            #"{"kind":"NodeList","items" : [ {"metadata":{"items":[1,2]}} , {"x":"],["},{}],"other":[{"y":1},[2]],"#
            + #""metadata":{"resourceVersion":"7","continue":"a,b"}}"#
        var splitter = ObjectSplitter(.items)
        #expect(
            try Self.objects(text, &splitter, size: size) == [#"{"metadata":{"items":[1,2]}}"#, #"{"x":"],["}"#, "{}"])
        let page = try #require(ListPage(envelope: try splitter.end()))
        #expect(page.resourceVersion == "7" && page.continuation == "a,b")
    }

    @Test(arguments: [
        #"{"items":[],"metadata":{"resourceVersion":"9"}}"#,
        #"{"metadata":{"resourceVersion":"9","continue":""},"items":[]}"#,
        #"{"metadata":{"resourceVersion":"9"},"items":null}"#,
    ])
    func takesAnEmptyList(text: String) throws {
        var splitter = ObjectSplitter(.items)
        #expect(try Self.objects(text, &splitter, size: 3) == [])
        let page = try #require(ListPage(envelope: try splitter.end()))
        #expect(page.resourceVersion == "9" && page.continuation == nil)
    }

    @Test(arguments: [#"{"items":[{"a":1},{"a""#, #"{"items":[{"a":1}]"#, "", #"{"items":["#])
    func takesNoTornListForAWholeOne(text: String) throws {
        var splitter = ObjectSplitter(.items)
        _ = try Self.objects(text, &splitter, size: 4)
        #expect(throws: ObjectSplitter.Failure.self) { try splitter.end() }
    }

    @Test(arguments: [
        ("]", ObjectSplitter.Stream.objects), ("\"text\"", .objects), ("[{}]", .objects),
        (#"{"items":[[{}]]}"#, .items), ("garbage\n", .objects), ("{} x", .objects), (#"{"items":[{},7]}"#, .items),
        ("[]", .items),
        (#"{"items":[]} x"#, .items), ("}", .items), (#"{"items":[]}{"items":[]}"#, .items),
        (String(repeating: "{\"a\":", count: 100), .objects),
        (#"{"items":[{"a":"# + String(repeating: "[", count: 100), .items),
    ])
    func refusesWhatIsNoStreamOfObjects(text: String, stream: ObjectSplitter.Stream) {
        #expect(throws: ObjectSplitter.Failure.self) { try Self.objects(text, stream, size: 16) }
    }

    @Test func refusesAnObjectThatNeverEnds() {
        var splitter = ObjectSplitter(.objects)
        let piece = [UInt8](repeating: UInt8(ascii: "a"), count: 1 << 20)
        #expect(throws: ObjectSplitter.Failure.self) {
            try splitter.take(Array("{\"a\":\"".utf8)) { _ in }
            for _ in 0..<10 { try splitter.take(piece) { _ in } }
        }
    }

    @Test func refusesAListThatIsMostlySomethingElse() {
        var splitter = ObjectSplitter(.items)
        let piece = [UInt8](repeating: UInt8(ascii: " "), count: 1 << 20)
        #expect(throws: ObjectSplitter.Failure.self) {
            try splitter.take(Array("{".utf8)) { _ in }
            for _ in 0..<3 { try splitter.take(piece) { _ in } }
        }
    }
}
