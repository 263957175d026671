import Host
import JSON
import Testing

/// Texts that once broke a parser or look as if they could; the names say which are valid.
@Suite struct JSONCorpusTests {
    static let directory = "/" + #filePath.split(separator: "/").dropLast(2).joined(separator: "/") + "/Corpus/json"
    static let names = (try? Files.names(in: directory).sorted()) ?? []

    @Test func thereIsACorpus() { #expect(Self.names.count >= 30) }

    @Test(arguments: names)
    func validTextsAreReadAndOthersRefused(name: String) throws {
        let bytes = try Files.read("\(Self.directory)/\(name)")
        let value = try? JSONValue(parsing: bytes)
        #expect((value != nil) == name.hasPrefix("good-"))
        // What was read is written and read again without a change, whichever way it is written.
        if let value {
            for pretty in [false, true] {
                #expect(try JSONValue(parsing: Array(value.serialized(pretty: pretty).utf8)) == value)
            }
        }
        // Reading piece by piece sees the same, and skipping without storing accepts the same.
        for size in [1, 3, 64] {
            #expect((try? streamed(bytes, by: size) { reader throws(JSONError) in try reader.readValue() }) == value)
            let skipped: Void? = try? streamed(bytes, by: size) { reader throws(JSONError) in try reader.skipValue() }
            #expect((skipped != nil) == (value != nil))
        }
        for length in 0..<min(bytes.count, 300) { _ = try? JSONValue(parsing: Array(bytes.prefix(length))) }
    }

    private func streamed<Result>(
        _ bytes: [UInt8], by size: Int, _ body: (inout JSONReader) throws(JSONError) -> Result
    ) throws(JSONError) -> Result {
        var rest = bytes[...]
        var reader = JSONReader { buffer in
            let piece = rest.prefix(size)
            buffer += piece
            rest = rest.dropFirst(size)
            return piece.count
        }
        let result = try body(&reader)
        try reader.end()
        return result
    }
}
