/// The rules for names that come from a runtime (CNI specification 1.1.0, sections 1 and 2).
enum Names {
    /// Container ids and network names: `^[a-zA-Z0-9][a-zA-Z0-9_.\-]*$`.
    static func isIdentifier(_ name: String) -> Bool {
        guard let first = name.utf8.first, isAlphanumeric(first) else { return false }
        return name.utf8.allSatisfy {
            isAlphanumeric($0) || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "-")
        }
    }

    /// What the kernel accepts as the name of an interface (dev_valid_name), or why it does not.
    static func problem(withInterfaceName name: String) -> String? {
        if name.isEmpty { return "is empty" }
        if name.utf8.count > 15 { return "is longer than 15 bytes" }
        if name == "." || name == ".." { return "is . or .." }
        let forbidden = name.unicodeScalars.contains {
            $0 == "/" || $0 == ":" || $0.properties.isWhitespace || $0.value < 0x20 || $0.value == 0x7f
        }
        return forbidden ? "contains a slash, a colon, white space or a control character" : nil
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x61...0x7a).contains(byte | 0x20)
    }
}
