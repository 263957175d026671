/// One step through a JSON text.
public enum JSONToken: Sendable, Hashable {
    case beginObject, endObject, beginArray, endArray
    /// A member's key; its value follows.
    case key(String)
    case string(String)
    case number(JSONNumber)
    case bool(Bool)
    case null
    /// The text is complete and nothing but white space follows it.
    case end
}

/// Reads a JSON text piece by piece, in memory that does not grow with the text: a node file may have a gibibyte.
///
/// ```swift
/// while let key = try reader.nextKey() {
///     switch key {
///     case "items": while try reader.nextElement() { use(try reader.readValue()) }
///     default: try reader.skipValue()
///     }
/// }
/// ```
public struct JSONReader: ~Copyable {
    /// What may come next.
    private enum State {
        case value, firstElement, firstKey, key, afterValue
    }

    private enum Container {
        case object, array
    }

    private var source: JSONByteSource
    private var state = State.value
    private var containers: [Container] = []

    /// Reads from memory.
    public init(_ bytes: [UInt8]) {
        self.source = JSONByteSource(bytes)
    }

    /// Reads from wherever `fill` gets its bytes.
    ///
    /// - Parameters:
    ///   - textLimit: The most bytes that one string or number may have, if it is not skipped.
    ///   - fill: Appends the next bytes and returns how many; 0 at the end. What it throws comes out as
    ///     ``JSONError/cause``.
    public init(textLimit: Int = 1 << 20, fill: @escaping (inout [UInt8]) throws -> Int) {
        self.source = JSONByteSource(textLimit: textLimit, fill: fill)
    }

    /// The number of bytes taken so far.
    public var offset: Int { source.offset }

    /// The number of containers that are open.
    public var depth: Int { containers.count }

    /// Takes the next token.
    public mutating func nextToken() throws(JSONError) -> JSONToken {
        try nextToken(storing: true)
    }

    /// Takes the next key of the object that is being read, and its opening brace where that is next.
    ///
    /// - Returns: Nil once the object has ended.
    /// - Throws: Also where something else than an object comes next.
    public mutating func nextKey() throws(JSONError) -> String? {
        if state == .value || state == .firstElement {
            guard try nextToken() == .beginObject else { throw source.error("an object was expected") }
        }
        switch try nextToken() {
        case .key(let key): return key
        case .endObject: return nil
        default: throw source.error("a member was expected")
        }
    }

    /// Goes to the next element of the array that is being read, and past its opening bracket where that is next.
    ///
    /// - Returns: False once the array has ended.
    /// - Throws: Also where something else than an array comes next.
    public mutating func nextElement() throws(JSONError) -> Bool {
        if state == .value {
            guard try nextToken() == .beginArray else { throw source.error("an array was expected") }
        }
        let byte = try source.peekPastSpace()
        if byte == UInt8(ascii: "]") {
            _ = try nextToken()
            return false
        }
        if state == .afterValue {
            guard containers.last == .array, byte == UInt8(ascii: ",") else { throw unexpected(byte) }
            source.advance()
        }
        state = .value
        return true
    }

    /// Goes past the end of the text.
    ///
    /// - Throws: Where something follows the value that was read.
    public mutating func end() throws(JSONError) {
        guard try nextToken() == .end else { throw source.error("more than one value") }
    }

    /// The kind of value that comes next, by its first byte, so that a reader can tell an object from an array
    /// before it takes either.
    public mutating func peekByte() throws(JSONError) -> UInt8? {
        try source.peekPastSpace()
    }

    /// Skips the value that comes next, however large, without storing it.
    public mutating func skipValue() throws(JSONError) {
        let outer = containers.count
        repeat { _ = try nextToken(storing: false) } while containers.count > outer
    }

    /// Takes the value that comes next as a tree.
    ///
    /// - Parameter limit: The most bytes of text that it may have.
    public mutating func readValue(limit: Int = .max) throws(JSONError) -> JSONValue {
        let (end, overflow) = offset.addingReportingOverflow(limit)
        return try readValue(endingBy: overflow ? .max : end)
    }

    private mutating func readValue(endingBy end: Int) throws(JSONError) -> JSONValue {
        let value: JSONValue
        switch try nextToken() {
        case .string(let text): value = .string(text)
        case .number(let number): value = .number(number)
        case .bool(let bool): value = .bool(bool)
        case .null: value = .null
        case .beginArray:
            var elements: [JSONValue] = []
            while try nextElement() { elements.append(try readValue(endingBy: end)) }
            value = .array(elements)
        case .beginObject:
            var members = JSONObject()
            while let key = try nextKey() { members[key] = try readValue(endingBy: end) }
            value = .object(members)
        default: throw source.error("a value was expected")
        }
        guard offset <= end else { throw source.error("the value is larger than allowed") }
        return value
    }

    private mutating func nextToken(storing: Bool) throws(JSONError) -> JSONToken {
        let byte = try source.peekPastSpace()
        switch state {
        case .value:
            return try value(startingWith: byte, storing: storing)
        case .firstElement:
            if byte == UInt8(ascii: "]") { return try close(.array) }
            return try value(startingWith: byte, storing: storing)
        case .firstKey:
            if byte == UInt8(ascii: "}") { return try close(.object) }
            return try key(startingWith: byte, storing: storing)
        case .key:
            return try key(startingWith: byte, storing: storing)
        case .afterValue:
            return try continuation(byte, storing: storing)
        }
    }

    private mutating func continuation(_ byte: UInt8?, storing: Bool) throws(JSONError) -> JSONToken {
        switch (containers.last, byte) {
        case (nil, nil):
            return .end
        case (.object, UInt8(ascii: "}")):
            return try close(.object)
        case (.array, UInt8(ascii: "]")):
            return try close(.array)
        case (.object, UInt8(ascii: ",")), (.array, UInt8(ascii: ",")):
            source.advance()
            state = containers.last == .object ? .key : .value
            return try nextToken(storing: storing)
        default:
            throw unexpected(byte)
        }
    }

    private mutating func key(startingWith byte: UInt8?, storing: Bool) throws(JSONError) -> JSONToken {
        guard byte == UInt8(ascii: "\"") else { throw unexpected(byte) }
        let text = try source.takeString(storing: storing)
        let colon = try source.peekPastSpace()
        guard colon == UInt8(ascii: ":") else { throw unexpected(colon) }
        source.advance()
        state = .value
        return .key(text)
    }

    private mutating func value(startingWith byte: UInt8?, storing: Bool) throws(JSONError) -> JSONToken {
        let token: JSONToken
        switch byte {
        case UInt8(ascii: "{"): return try open(.object)
        case UInt8(ascii: "["): return try open(.array)
        case UInt8(ascii: "\""): token = .string(try source.takeString(storing: storing))
        case UInt8(ascii: "t"): token = try literal("true", .bool(true))
        case UInt8(ascii: "f"): token = try literal("false", .bool(false))
        case UInt8(ascii: "n"): token = try literal("null", .null)
        case .some(0x30...0x39), UInt8(ascii: "-"):
            token = .number(JSONNumber(verbatim: try source.takeNumber(storing: storing)))
        default: throw unexpected(byte)
        }
        state = .afterValue
        return token
    }

    private mutating func literal(_ text: String, _ token: JSONToken) throws(JSONError) -> JSONToken {
        for expected in text.utf8 {
            let byte = try source.peek()
            guard byte == expected else { throw unexpected(byte) }
            source.advance()
        }
        return token
    }

    private mutating func open(_ container: Container) throws(JSONError) -> JSONToken {
        guard containers.count < JSONValue.depthLimit else {
            throw source.error("nested deeper than \(JSONValue.depthLimit) levels")
        }
        source.advance()
        containers.append(container)
        state = container == .object ? .firstKey : .firstElement
        return container == .object ? .beginObject : .beginArray
    }

    private mutating func close(_ container: Container) throws(JSONError) -> JSONToken {
        source.advance()
        containers.removeLast()
        state = .afterValue
        return container == .object ? .endObject : .endArray
    }

    private func unexpected(_ byte: UInt8?) -> JSONError {
        guard let byte else { return source.error("the text ends too early") }
        guard (0x21...0x7e).contains(byte) else {
            return source.error("unexpected byte 0x\(byte < 16 ? "0" : "")\(String(byte, radix: 16))")
        }
        return source.error("unexpected \"\(Character(Unicode.Scalar(byte)))\"")
    }
}
