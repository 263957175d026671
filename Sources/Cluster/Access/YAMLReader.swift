public import JSON

/// Why a YAML text cannot be read, and in which line.
public struct YAMLError: Error, Hashable, Sendable, CustomStringConvertible {
    public let message: String
    /// Counted from 1.
    public let line: Int

    public var description: String { "\(message) in line \(line)" }
}

/// Reads as much of YAML 1.2 as kubeconfig files have: mappings and sequences in block style, plain and quoted scalars
/// of one line, literal and folded blocks, comments, and flow style as far as it is JSON. Anchors, aliases, tags,
/// several documents and tabs for indentation are refused by line rather than guessed at.
///
/// Every scalar that is not quoted is a string but `null`, `~`, `true` and `false`: no field of a kubeconfig is a number.
public struct YAMLReader {
    /// A line without its indentation.
    private struct Line {
        let number: Int
        let indentation: Int
        var text: Substring
    }

    private var lines: [Line] = []
    /// All lines, for literal blocks.
    private let raw: [Substring]
    private var next = 0
    private static let depthLimit = 32

    private init(_ text: String) throws(YAMLError) {
        raw = text.split(separator: "\n", omittingEmptySubsequences: false).map {
            $0.last == "\r" ? $0.dropLast() : $0
        }
        for (index, line) in raw.enumerated() {
            let content = line.drop { $0 == " " }
            if content.isEmpty || content.first == "#" { continue }
            lines.append(Line(number: index + 1, indentation: line.count - content.count, text: content))
        }
    }

    /// Reads a text that is one document.
    public static func read(_ bytes: [UInt8]) throws(YAMLError) -> JSONValue {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw YAMLError(message: "the text is not UTF-8", line: 1)
        }
        // A line break within two characters would be one character with them.
        guard !text.unicodeScalars.contains(where: { $0.value == 0 }) else {
            throw YAMLError(message: "a NUL byte", line: 1)
        }
        var reader = try YAMLReader(
            text.split(separator: "\r\n", omittingEmptySubsequences: false).joined(separator: "\n"))
        if reader.peek?.text == "---" { reader.next += 1 }
        guard let first = reader.peek else { return .null }
        let value = try reader.block(indentation: first.indentation, depth: 0)
        if let rest = reader.peek { throw unexpected(rest, "the indentation fits nothing above") }
        return value
    }

    private static func unexpected(_ line: Line, _ message: String) -> YAMLError {
        let isDocument = line.text.hasPrefix("---") || line.text.hasPrefix("...")
        return YAMLError(message: isDocument ? "a second document" : message, line: line.number)
    }

    private var peek: Line? { next < lines.count ? lines[next] : nil }

    /// A mapping, a sequence or a scalar that begins in the next line.
    private mutating func block(indentation: Int, depth: Int) throws(YAMLError) -> JSONValue {
        guard let line = peek else { return .null }
        guard depth < Self.depthLimit else {
            throw YAMLError(message: "nested deeper than \(Self.depthLimit) levels", line: line.number)
        }
        if Self.isElement(line.text) { return try sequence(indentation: indentation, depth: depth) }
        if try Self.key(of: line) != nil { return try mapping(indentation: indentation, depth: depth) }
        next += 1
        return try scalar(line.text, of: line, parent: indentation - 1)
    }

    private static func isElement(_ text: Substring) -> Bool { text == "-" || text.hasPrefix("- ") }

    private mutating func sequence(indentation: Int, depth: Int) throws(YAMLError) -> JSONValue {
        var elements: [JSONValue] = []
        while let line = peek, line.indentation == indentation, Self.isElement(line.text) {
            let content = line.text.dropFirst().drop { $0 == " " }
            if content.isEmpty || content.first == "#" {
                next += 1
                guard let inner = peek, inner.indentation > indentation else {
                    elements.append(.null)
                    continue
                }
                elements.append(try block(indentation: inner.indentation, depth: depth + 1))
            } else {
                // The element begins in the line of its dash: as if the dash were a space.
                let inner = indentation + line.text.count - content.count
                lines[next] = Line(number: line.number, indentation: inner, text: content)
                elements.append(try block(indentation: inner, depth: depth + 1))
            }
        }
        try refuseDeeper(than: indentation)
        return .array(elements)
    }

    private mutating func mapping(indentation: Int, depth: Int) throws(YAMLError) -> JSONValue {
        var object = JSONObject()
        while let line = peek, line.indentation == indentation, !Self.isElement(line.text) {
            guard let (key, rest) = try Self.key(of: line) else {
                throw Self.unexpected(line, "\"key: value\" was expected")
            }
            guard object[key] == nil else {
                throw YAMLError(message: "the key \(key.prefix(64).debugDescription) stands twice", line: line.number)
            }
            next += 1
            if !rest.isEmpty, rest.first != "#" {
                object[key] = try scalar(rest, of: line, parent: indentation)
            } else if let inner = peek, inner.indentation > indentation {
                object[key] = try block(indentation: inner.indentation, depth: depth + 1)
            } else if let inner = peek, inner.indentation == indentation, Self.isElement(inner.text) {
                object[key] = try sequence(indentation: indentation, depth: depth + 1)
            } else {
                object[key] = .null
            }
        }
        try refuseDeeper(than: indentation)
        return .object(object)
    }

    private func refuseDeeper(than indentation: Int) throws(YAMLError) {
        guard let line = peek, line.indentation > indentation else { return }
        throw YAMLError(message: "the indentation fits nothing above", line: line.number)
    }

    /// The key that a line begins with, and what follows its colon; nil where it has none.
    private static func key(of line: Line) throws(YAMLError) -> (key: String, rest: Substring)? {
        let text = line.text
        if text.first == "\t" { throw YAMLError(message: "a tab for indentation", line: line.number) }
        if text.first == "\"" || text.first == "'" {
            let (key, rest) = try quoted(text, line: line.number)
            let behind = rest.drop { $0 == " " }
            guard behind.first == ":" else { return nil }
            return (key, behind.dropFirst().drop { $0 == " " })
        }
        if text.first == "{" || text.first == "[" { return nil }
        var index = text.startIndex
        while let colon = text[index...].firstIndex(of: ":") {
            let behind = text[text.index(after: colon)...]
            if behind.isEmpty || behind.first == " " {
                let key = text[..<colon]
                try refuseIndicator(key, line: line.number)
                return (String(key.reversed().drop { $0 == " " }.reversed()), behind.drop { $0 == " " })
            }
            index = text.index(after: colon)
        }
        return nil
    }

    // MARK: Scalars

    /// - Parameter parent: The indentation of what the scalar belongs to.
    private mutating func scalar(_ text: Substring, of line: Line, parent: Int) throws(YAMLError) -> JSONValue {
        switch text.first {
        case "\"", "'":
            let (value, rest) = try Self.quoted(text, line: line.number)
            try Self.refuse(rest, line: line.number)
            return .string(value)
        case "{", "[": return try flow(text, line: line.number)
        case "|", ">": return .string(try literal(text, of: line, parent: parent))
        default: break
        }
        try Self.refuseIndicator(text, line: line.number)
        var words = [Self.withoutComment(text)]
        // A plain scalar may go on in deeper lines.
        while let more = peek, more.indentation > parent {
            if try Self.key(of: more) != nil {
                throw YAMLError(message: "a mapping where a text goes on", line: more.number)
            }
            words.append(Self.withoutComment(more.text))
            next += 1
        }
        let value = words.joined(separator: " ")
        switch value {
        case "null", "~", "": return .null
        case "true": return true
        case "false": return false
        default: return .string(value)
        }
    }

    private static func refuseIndicator(_ text: Substring, line: Int) throws(YAMLError) {
        let meaning: String? =
            switch text.first {
            case "&": "an anchor"
            case "*": "an alias"
            case "!": "a tag"
            case "@", "`", "%": "a reserved character"
            case "?" where text == "?" || text.hasPrefix("? "): "a complex key"
            default: text.hasPrefix("<<") ? "a merge key" : nil
            }
        if let meaning { throw YAMLError(message: "\(meaning), which is not supported here", line: line) }
    }

    private static func withoutComment(_ text: Substring) -> String {
        var end = text.endIndex
        var former: Character = " "
        for index in text.indices {
            if text[index] == "#", former == " " {
                end = index
                break
            }
            former = text[index]
        }
        return String(text[..<end].reversed().drop { $0 == " " || $0 == "\t" }.reversed())
    }

    private static func refuse(_ rest: Substring, line: Int) throws(YAMLError) {
        let rest = rest.drop { $0 == " " }
        guard rest.isEmpty || rest.first == "#" else {
            throw YAMLError(message: "something follows a quoted text", line: line)
        }
    }

    private static func quoted(_ text: Substring, line: Int) throws(YAMLError) -> (String, rest: Substring) {
        text.first == "'" ? try singleQuoted(text, line: line) : try doubleQuoted(text, line: line)
    }

    private static func singleQuoted(_ text: Substring, line: Int) throws(YAMLError) -> (String, rest: Substring) {
        var value = ""
        var rest = text.dropFirst()
        while let quote = rest.firstIndex(of: "'") {
            value += rest[..<quote]
            rest = rest[rest.index(after: quote)...]
            guard rest.first == "'" else { return (value, rest) }
            value += "'"
            rest = rest.dropFirst()
        }
        throw YAMLError(message: "a quoted text does not end in its line", line: line)
    }

    /// Of the escapes those that JSON has, too.
    private static func doubleQuoted(_ text: Substring, line: Int) throws(YAMLError) -> (String, rest: Substring) {
        var isEscaped = false
        for index in text.indices.dropFirst() {
            if isEscaped {
                isEscaped = false
            } else if text[index] == "\\" {
                isEscaped = true
            } else if text[index] == "\"" {
                let rest = text[text.index(after: index)...]
                guard case .string(let value)? = try? JSONValue(parsing: Array(text[...index].utf8)) else {
                    throw YAMLError(message: "an escape that is not supported here", line: line)
                }
                return (value, rest)
            }
        }
        throw YAMLError(message: "a quoted text does not end in its line", line: line)
    }

    /// Flow style on one line, as far as it is JSON: `{}`, `[]`, `["a", "b"]`.
    private func flow(_ text: Substring, line: Int) throws(YAMLError) -> JSONValue {
        let json = Self.withoutComment(text)
        do throws(JSONError) {
            return try JSONValue(parsing: Array(json.utf8))
        } catch {
            throw YAMLError(message: "flow style that is not JSON", line: line)
        }
    }

    private mutating func literal(_ text: Substring, of line: Line, parent: Int) throws(YAMLError) -> String {
        let header = Self.withoutComment(text)
        guard ["|", "|-", "|+", ">", ">-", ">+"].contains(header) else {
            throw YAMLError(
                message: "a block with an indentation indicator, which is not supported here", line: line.number)
        }
        var content: [Substring] = []
        var width: Int?
        var index = line.number
        while index < raw.count {
            let text = raw[index]
            let indentation = text.count - text.drop { $0 == " " }.count
            if indentation == text.count {
                content.append("")
            } else {
                if width == nil { width = indentation }
                guard let width, indentation > parent, indentation >= width else { break }
                content.append(text.dropFirst(width))
            }
            index += 1
        }
        while let line = peek, line.number <= index { next += 1 }
        while content.last?.isEmpty == true { content.removeLast() }
        let joined = content.joined(separator: header.first == "|" ? "\n" : " ")
        return header.hasSuffix("-") || joined.isEmpty ? joined : joined + "\n"
    }
}
