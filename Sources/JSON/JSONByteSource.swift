/// The bytes of a JSON text, one at a time, and the two kinds of token that have an inside: strings and numbers.
struct JSONByteSource: ~Copyable {
    private var buffer: [UInt8]
    private var position = 0
    /// Bytes in chunks before the one in the buffer, line feeds among them, and bytes after the last of those.
    private var earlier = 0
    private var earlierLines = 0
    private var earlierColumns = 0
    private let textLimit: Int
    private let fill: ((inout [UInt8]) throws -> Int)?
    private var atEnd = false

    init(_ bytes: [UInt8]) {
        self.buffer = bytes
        self.textLimit = bytes.count
        self.fill = nil
    }

    init(textLimit: Int, fill: @escaping (inout [UInt8]) throws -> Int) {
        self.buffer = []
        self.textLimit = textLimit
        self.fill = fill
    }

    var offset: Int { earlier + position }

    func error(_ message: String) -> JSONError {
        let place = place
        return JSONError(message, offset: offset, line: place.line, column: place.column)
    }

    /// Where the next byte stands, counted from 1; columns in bytes.
    private var place: (line: Int, column: Int) {
        let (lines, columns) = Self.count(buffer, before: position, earlierColumns)
        return (earlierLines + lines + 1, columns + 1)
    }

    /// - Returns: How many lines end among the first `end` bytes, and how many bytes follow the last of them; with
    ///   `columns` in front where none does.
    private static func count(_ bytes: [UInt8], before end: Int, _ columns: Int) -> (lines: Int, columns: Int) {
        let span = bytes.span
        var lines = 0
        for index in 0..<end where span[index] == 0x0a { lines += 1 }
        guard lines > 0 else { return (0, columns + end) }
        var start = end
        while span[start - 1] != 0x0a { start -= 1 }
        return (lines, end - start)
    }

    /// The next byte, which stays next; nil at the end.
    mutating func peek() throws(JSONError) -> UInt8? {
        if position < buffer.count { return buffer[position] }
        try refill()
        return position < buffer.count ? buffer[position] : nil
    }

    /// Moves past the byte that ``peek()`` has shown.
    mutating func advance() {
        position += 1
    }

    mutating func peekPastSpace() throws(JSONError) -> UInt8? {
        while true {
            position = Self.endOfSpace(buffer, from: position)
            if position < buffer.count { return buffer[position] }
            guard try peek() != nil else { return nil }
        }
    }

    private static func endOfSpace(_ bytes: [UInt8], from start: Int) -> Int {
        let span = bytes.span
        var index = start
        while index < span.count {
            let byte = span[index]
            guard byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 else { break }
            index += 1
        }
        return index
    }

    /// Where the bytes end that stand for themselves in a string, one each.
    private static func endOfPlain(_ bytes: [UInt8], from start: Int) -> Int {
        let span = bytes.span
        var index = start
        while index < span.count {
            let byte = span[index]
            guard byte &- 0x20 < 0x60, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\") else { break }
            index += 1
        }
        return index
    }

    private mutating func refill() throws(JSONError) {
        guard let fill, !atEnd else { return }
        let (lines, columns) = Self.count(buffer, before: buffer.count, earlierColumns)
        earlierLines += lines
        earlierColumns = columns
        earlier += buffer.count
        position = 0
        buffer.removeAll(keepingCapacity: true)
        do {
            atEnd = try fill(&buffer) == 0
        } catch {
            atEnd = true
            throw JSONError(
                "cannot read: \(error)", offset: offset, line: earlierLines + 1, column: earlierColumns + 1,
                cause: error)
        }
    }

    private mutating func next(_ expectation: String) throws(JSONError) -> UInt8 {
        guard let byte = try peek() else { throw error("the text ends within \(expectation)") }
        position += 1
        return byte
    }

    // MARK: Numbers

    /// Takes a number (RFC 8259 section 6).
    mutating func takeNumber(storing: Bool) throws(JSONError) -> String {
        var text: [UInt8] = []
        try accept({ $0 == UInt8(ascii: "-") }, into: &text, storing)
        if try !accept({ $0 == UInt8(ascii: "0") }, into: &text, storing) {
            try takeDigits(into: &text, storing)
        }
        if try accept({ $0 == UInt8(ascii: ".") }, into: &text, storing) {
            try takeDigits(into: &text, storing)
        }
        if try accept({ $0 | 0x20 == UInt8(ascii: "e") }, into: &text, storing) {
            try accept({ $0 == UInt8(ascii: "+") || $0 == UInt8(ascii: "-") }, into: &text, storing)
            try takeDigits(into: &text, storing)
        }
        return String(decoding: text, as: UTF8.self)
    }

    @discardableResult
    private mutating func accept(
        _ matches: (UInt8) -> Bool, into text: inout [UInt8], _ storing: Bool
    ) throws(JSONError) -> Bool {
        guard let byte = try peek(), matches(byte) else { return false }
        position += 1
        if storing { try store(byte, into: &text) }
        return true
    }

    private mutating func takeDigits(into text: inout [UInt8], _ storing: Bool) throws(JSONError) {
        let isDigit = { (byte: UInt8) in (0x30...0x39).contains(byte) }
        guard try accept(isDigit, into: &text, storing) else { throw error("a number lacks a digit") }
        while try accept(isDigit, into: &text, storing) {}
    }

    private func store(_ byte: UInt8, into text: inout [UInt8]) throws(JSONError) {
        guard text.count < textLimit else { throw error("a text is longer than \(textLimit) bytes") }
        text.append(byte)
    }

    // MARK: Strings

    /// Takes a string with its quotation marks; an empty one is returned where it is not to be stored.
    mutating func takeString(storing: Bool) throws(JSONError) -> String {
        _ = try next("a string")
        let start = position
        position = Self.endOfPlain(buffer, from: start)
        if position < buffer.count, buffer[position] == UInt8(ascii: "\"") {
            position += 1
            guard storing else { return "" }
            return String(decoding: try limited(buffer[start..<(position - 1)]), as: UTF8.self)
        }
        return try takeString(startingWith: storing ? Array(try limited(buffer[start..<position])) : [], storing)
    }

    private func limited(_ text: ArraySlice<UInt8>) throws(JSONError) -> ArraySlice<UInt8> {
        guard text.count <= textLimit else { throw error("a text is longer than \(textLimit) bytes") }
        return text
    }

    /// Takes the rest of a string that is not plain, or that the end of a chunk divides.
    private mutating func takeString(startingWith plain: [UInt8], _ storing: Bool) throws(JSONError) -> String {
        var text = plain
        var highSurrogate: UInt32?
        while true {
            let byte = try next("a string")
            if byte != UInt8(ascii: "\\"), highSurrogate != nil {
                highSurrogate = nil
                try store("\u{fffd}", into: &text, storing)
            }
            switch byte {
            case UInt8(ascii: "\""):
                return String(decoding: text, as: UTF8.self)
            case UInt8(ascii: "\\"):
                try takeEscape(after: &highSurrogate, into: &text, storing)
            case 0x20...0x7f:
                if storing { try store(byte, into: &text) }
            case 0xc2...0xf4:
                try takeMultibyte(lead: byte, into: &text, storing)
            case 0x00..<0x20:
                position -= 1
                throw error("a control character stands in a string")
            default:
                position -= 1
                throw error("invalid UTF-8")
            }
        }
    }

    private func store(_ scalar: Unicode.Scalar, into text: inout [UInt8], _ storing: Bool) throws(JSONError) {
        guard storing, let units = UTF8.encode(scalar) else { return }
        for unit in units { try store(unit, into: &text) }
    }

    /// Takes the bytes after `lead` of one character, well formed by table 3-7 of the Unicode standard: no overlong
    /// form, no surrogate, nothing above U+10FFFF.
    private mutating func takeMultibyte(lead: UInt8, into text: inout [UInt8], _ storing: Bool) throws(JSONError) {
        let second: ClosedRange<UInt8> =
            switch lead {
            case 0xe0: 0xa0...0xbf
            case 0xed: 0x80...0x9f
            case 0xf0: 0x90...0xbf
            case 0xf4: 0x80...0x8f
            default: 0x80...0xbf
            }
        if storing { try store(lead, into: &text) }
        let following = lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3
        for index in 0..<following {
            guard let byte = try peek(), (index == 0 ? second : 0x80...0xbf).contains(byte) else {
                throw error("invalid UTF-8")
            }
            position += 1
            if storing { try store(byte, into: &text) }
        }
    }

    /// Takes what follows a reverse solidus. A surrogate without its partner stands for U+FFFD, as Go reads it.
    private mutating func takeEscape(
        after highSurrogate: inout UInt32?, into text: inout [UInt8], _ storing: Bool
    ) throws(JSONError) {
        let unit = try takeEscapedUnit()
        let high = highSurrogate
        highSurrogate = nil
        if let high {
            if (0xdc00..<0xe000).contains(unit) {
                let pair = 0x10000 + (high - 0xd800) << 10 + (unit - 0xdc00)
                return try store(Unicode.Scalar(pair) ?? "\u{fffd}", into: &text, storing)
            }
            try store("\u{fffd}", into: &text, storing)
        }
        if (0xd800..<0xdc00).contains(unit) {
            highSurrogate = unit
        } else {
            try store(Unicode.Scalar(unit) ?? "\u{fffd}", into: &text, storing)
        }
    }

    /// Takes one escape and returns the UTF-16 unit that it stands for.
    private mutating func takeEscapedUnit() throws(JSONError) -> UInt32 {
        let byte = try next("a string")
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return UInt32(byte)
        case UInt8(ascii: "b"): return 0x08
        case UInt8(ascii: "f"): return 0x0c
        case UInt8(ascii: "n"): return 0x0a
        case UInt8(ascii: "r"): return 0x0d
        case UInt8(ascii: "t"): return 0x09
        case UInt8(ascii: "u"): return try takeHexadecimal()
        default:
            position -= 1
            throw error("unknown escape in a string")
        }
    }

    private mutating func takeHexadecimal() throws(JSONError) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = try peek(), let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
                throw error("\\u needs four hexadecimal digits")
            }
            position += 1
            value = value << 4 | UInt32(digit)
        }
        return value
    }
}
