/// Base64 (RFC 4648 section 4), read strictly: with padding, without white space, spare bits zero.
public enum Base64 {
    /// What `text` stands for; nil where it is not of this form.
    public static func bytes(_ text: String) -> [UInt8]? {
        let characters = Array(text.utf8)
        guard characters.count.isMultiple(of: 4) else { return nil }
        let padding = characters.suffix(2).count { $0 == UInt8(ascii: "=") }
        let digits = characters.dropLast(padding).compactMap(digit)
        guard digits.count == characters.count - padding else { return nil }
        var bytes: [UInt8] = []
        var bits: UInt32 = 0
        for (index, value) in digits.enumerated() {
            bits = bits << 6 | UInt32(value)
            // The first digit of each four completes no byte; every other one completes one.
            let spare = UInt32(6 - 2 * (index & 3))
            if index & 3 != 0 { bytes.append(UInt8(truncatingIfNeeded: bits >> spare)) }
        }
        let spareMask: UInt32 = padding == 2 ? 0xf : padding == 1 ? 0x3 : 0
        return bits & spareMask == 0 ? bytes : nil
    }

    private static func digit(_ character: UInt8) -> UInt8? {
        switch character {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): character - UInt8(ascii: "A")
        case UInt8(ascii: "a")...UInt8(ascii: "z"): character - UInt8(ascii: "a") + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): character - UInt8(ascii: "0") + 52
        case UInt8(ascii: "+"): 62
        case UInt8(ascii: "/"): 63
        default: nil
        }
    }
}
