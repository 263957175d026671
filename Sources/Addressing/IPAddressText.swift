/// Text forms: dotted decimal for IPv4; RFC 4291 section 2.2 read and RFC 5952 written for IPv6.
extension IPAddress: LosslessStringConvertible {
    /// Reads an address. Nothing around it is accepted: no prefix length, port, zone or white space, and no
    /// leading zero in an IPv4 octet, because programs disagree on whether that means octal.
    public init?(_ text: String) { self.init(text: text.utf8[...]) }

    init?(text: Substring.UTF8View) {
        let parsed =
            text.contains(UInt8(ascii: ":")) ? Self.parseV6(text) : Self.parseV4(text).map { IPAddress(v4: $0) }
        guard let parsed else { return nil }
        self = parsed
    }

    public var description: String {
        family == .v4 ? Self.dotted(UInt32(truncatingIfNeeded: bits)) : textV6
    }

    private static func dotted(_ number: UInt32) -> String {
        "\(number >> 24).\(number >> 16 & 255).\(number >> 8 & 255).\(number & 255)"
    }

    private static func parseV4(_ text: Substring.UTF8View) -> UInt32? {
        var number: UInt32 = 0
        var (octet, digits, dots) = (UInt32(0), 0, 0)
        for byte in text {
            switch byte {
            case UInt8(ascii: "."):
                guard digits > 0, dots < 3 else { return nil }
                number = number << 8 | octet
                (octet, digits, dots) = (0, 0, dots + 1)
            case 0x30...0x39:
                guard digits == 0 || octet > 0 else { return nil }
                octet = octet * 10 + UInt32(byte - 0x30)
                digits += 1
                guard octet <= 255 else { return nil }
            default: return nil
            }
        }
        return digits > 0 && dots == 3 ? number << 8 | octet : nil
    }

    private static func parseV6(_ text: Substring.UTF8View) -> IPAddress? {
        var groups: UInt128 = 0
        var count = 0
        // How many groups stand before "::", which stands for the zero groups that are missing, and may stand once.
        var gap: Int?
        var rest = text
        while let byte = rest.first {
            if byte == UInt8(ascii: ":") {
                rest.removeFirst()
                if rest.first == UInt8(ascii: ":") {
                    rest.removeFirst()
                    guard gap == nil, rest.first != UInt8(ascii: ":") else { return nil }
                    gap = count
                } else if count == 0 || rest.isEmpty {
                    return nil
                }
                continue
            }
            let end = rest.firstIndex(of: UInt8(ascii: ":")) ?? rest.endIndex
            if end == rest.endIndex, rest.contains(UInt8(ascii: ".")) {
                guard count <= 6, let tail = parseV4(rest) else { return nil }
                (groups, count) = (groups << 32 | UInt128(tail), count + 2)
            } else {
                guard count < 8, let group = group(rest[..<end]) else { return nil }
                (groups, count) = (groups << 16 | UInt128(group), count + 1)
            }
            rest = rest[end...]
        }
        guard let gap else { return count == 8 ? IPAddress(family: .v6, bits: groups) : nil }
        guard count <= 7 else { return nil }
        let tailBits = UInt128(16 * (count - gap))
        let tail = groups & ((1 << tailBits) - 1)
        return IPAddress(family: .v6, bits: (groups >> tailBits) << UInt128(16 * (8 - gap)) | tail)
    }

    private static func group(_ text: Substring.UTF8View) -> UInt16? {
        var group: UInt16 = 0
        var digits = 0
        for byte in text {
            let digit: UInt8
            switch byte {
            case 0x30...0x39: digit = byte - 0x30
            case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = byte - UInt8(ascii: "a") + 10
            case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = byte - UInt8(ascii: "A") + 10
            default: return nil
            }
            digits += 1
            guard digits <= 4 else { return nil }
            group = group << 4 | UInt16(digit)
        }
        return group
    }

    private var textV6: String {
        let groups = (0..<8).map { UInt16(truncatingIfNeeded: bits >> (16 * (7 - $0))) }
        // IPv4-mapped addresses keep their dotted tail (RFC 5952 section 5).
        if bits >> 32 == 0xffff {
            return "::ffff:" + Self.dotted(UInt32(truncatingIfNeeded: bits))
        }
        // The longest run of zero groups, the first of equals, is shortened; a single group is not (4.2).
        var best = 0..<0
        var start = 0
        while start < 8 {
            var end = start
            while end < 8, groups[end] == 0 { end += 1 }
            if end - start > best.count { best = start..<end }
            start = max(end, start + 1)
        }
        let text = { (range: Range<Int>) in range.map { String(groups[$0], radix: 16) }.joined(separator: ":") }
        guard best.count >= 2 else { return text(0..<8) }
        return text(0..<best.lowerBound) + "::" + text(best.upperBound..<8)
    }
}
