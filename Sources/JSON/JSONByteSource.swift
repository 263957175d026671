/// The bytes of a JSON text, one at a time, and the two kinds of token that have an inside: strings and numbers.
struct JSONByteSource: ~Copyable {
    private var buffer: [UInt8]
    private var position = 0
    /// Bytes in chunks before the one in the buffer.
    private var earlier = 0
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
        JSONError(message, offset: offset)
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
        while let byte = try peek() {
            guard byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 else { return byte }
            position += 1
        }
        return nil
    }

    private mutating func refill() throws(JSONError) {
        guard let fill, !atEnd else { return }
        earlier += buffer.count
        position = 0
        buffer.removeAll(keepingCapacity: true)
        do {
            atEnd = try fill(&buffer) == 0
        } catch {
            atEnd = true
            throw JSONError("cannot read: \(error)", offset: offset, cause: error)
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
        var text: [UInt8] = []
        var highSurrogate: UInt32?
        _ = try next("a string")
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
