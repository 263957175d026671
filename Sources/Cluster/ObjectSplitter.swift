/// Cuts the JSON objects out of a stream that comes in pieces of any size: the events of a watch, one object after the
/// other, or the elements of a list's `items`. Only one of them is ever in memory.
///
/// Where an object begins and ends is all that it judges; what stands inside is judged by whoever reads it.
public struct ObjectSplitter: Sendable {
    public enum Stream: Sendable {
        /// One object after the other, as a watch sends them.
        case objects
        /// One object, of which the elements of the array `items` are wanted one by one.
        case items
    }

    /// Why a stream cannot be cut.
    public struct Failure: Error, Hashable, Sendable, CustomStringConvertible {
        public let description: String

        public init(description: String) { self.description = description }
    }

    /// The most bytes that one object may have. The API server takes none larger than 3 MiB.
    public static let objectLimit = 8 << 20
    /// The most bytes that a list may have beside its items.
    private static let envelopeLimit = 1 << 20
    private static let depthLimit = 64

    private let stream: Stream
    private var depth = 0
    private var isInString = false
    private var isEscaped = false
    /// The object that is being cut out, as far as it has come.
    private var object: [UInt8] = []
    private var isInObject = false
    /// The last string at the top of a list: the key of what follows.
    private var key: [UInt8] = []
    private var isInItems = false
    /// What a list has beside its items.
    private var envelope: [UInt8] = []
    private var hasEnded = false

    public init(_ stream: Stream) {
        self.stream = stream
    }

    /// How many containers are open around an object that is wanted.
    private var outerDepth: Int { stream == .items ? 2 : 0 }

    /// Takes the next bytes.
    ///
    /// - Parameter found: Called with each object that they complete.
    public mutating func take(_ bytes: [UInt8], _ found: ([UInt8]) throws -> Void) throws {
        /// Where the part of `bytes` begins that belongs to the object or the envelope.
        var start = 0
        let span = bytes.span
        for index in span.indices {
            let byte = span[index]
            if isInString {
                if isEscaped {
                    isEscaped = false
                } else if byte == UInt8(ascii: "\\") {
                    isEscaped = true
                } else if byte == UInt8(ascii: "\"") {
                    isInString = false
                }
                if depth == 1, isInString, stream == .items, key.count < 64 { key.append(byte) }
                continue
            }
            switch byte {
            case UInt8(ascii: "\""):
                isInString = true
                if depth == 1 { key.removeAll(keepingCapacity: true) }
                guard depth > 0 else { throw Failure(description: "a string where an object was expected") }
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                guard depth < Self.depthLimit else {
                    throw Failure(description: "nested deeper than \(Self.depthLimit) levels")
                }
                if hasEnded { throw Failure(description: "something follows the list") }
                if depth == 0, byte == UInt8(ascii: "[") {
                    throw Failure(description: "an array where an object was expected")
                }
                if !isInObject, depth == outerDepth, stream == .objects || isInItems {
                    guard byte == UInt8(ascii: "{") else {
                        throw Failure(description: "an array where an object was expected")
                    }
                    try keep(bytes[start..<index])
                    start = index
                    isInObject = true
                } else if stream == .items, depth == 1, byte == UInt8(ascii: "["), key == Array("items".utf8) {
                    try keep(bytes[start...index])
                    start = index + 1
                    isInItems = true
                }
                depth += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                guard depth > 0 else { throw Failure(description: "a bracket closes nothing") }
                depth -= 1
                if isInObject, depth == outerDepth {
                    try keep(bytes[start...index])
                    start = index + 1
                    isInObject = false
                    let whole = object
                    object.removeAll(keepingCapacity: whole.count < 1 << 16)
                    try found(whole)
                } else if isInItems, depth == 1 {
                    // Of what stood between the items, nothing is kept.
                    isInItems = false
                    start = index
                }
                if stream == .items, depth == 0 { hasEnded = true }
            default:
                // Inside of objects, and beside the items of a list, whoever reads them will say what is wrong.
                guard depth > 0 && !isInItems || isInObject || Self.mayStandBetween(byte, isInItems) else {
                    throw Failure(description: "byte \(byte) where an object was expected")
                }
            }
        }
        try keep(bytes[start...])
    }

    private static func mayStandBetween(_ byte: UInt8, _ isInItems: Bool) -> Bool {
        byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 || isInItems && byte == UInt8(ascii: ",")
    }

    /// True in the midst of an object: where the stream ends here, it was cut.
    public var isInMidst: Bool { depth > 0 }

    /// What a list has beside its items, which are left out: `{"kind":"NodeList","metadata":{…},"items":[]}`.
    ///
    /// - Throws: Where the list has not ended.
    public func end() throws(Failure) -> [UInt8] {
        guard hasEnded else { throw Failure(description: "the list ends too early") }
        return envelope
    }

    private mutating func keep(_ bytes: ArraySlice<UInt8>) throws(Failure) {
        if isInObject {
            guard object.count + bytes.count <= Self.objectLimit else {
                throw Failure(description: "an object is larger than \(Self.objectLimit) bytes")
            }
            object += bytes
        } else if stream == .items, !isInItems {
            guard envelope.count + bytes.count <= Self.envelopeLimit else {
                throw Failure(description: "the list has more than \(Self.envelopeLimit) bytes beside its items")
            }
            envelope += bytes
        }
    }
}
