/// Text forms: dotted decimal for IPv4; RFC 4291 section 2.2 read and RFC 5952 written for IPv6.
extension IPAddress: LosslessStringConvertible {
    /// Reads an address. Nothing around it is accepted: no prefix length, port, zone or white space, and no
    /// leading zero in an IPv4 octet, because programs disagree on whether that means octal.
    public init?(_ text: String) {
        let parsed = text.utf8.contains(UInt8(ascii: ":")) ? Self.parseV6(text[...]) : Self.parseV4(text[...])
        guard let parsed else { return nil }
        self = parsed
    }

    public var description: String {
        family == .v4 ? Self.dotted(UInt32(truncatingIfNeeded: bits)) : textV6
    }

    private static func dotted(_ number: UInt32) -> String {
        "\(number >> 24).\(number >> 16 & 255).\(number >> 8 & 255).\(number & 255)"
    }

    private static func parseV4(_ text: Substring) -> IPAddress? {
        let octets = text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard octets.count == 4 else { return nil }
        var number: UInt32 = 0
        for octet in octets {
            guard (1...3).contains(octet.count), octet.allSatisfy({ (0x30...0x39).contains($0) }),
                octet.count == 1 || octet.first != 0x30,
                let value = UInt8(Substring(octet))
            else { return nil }
            number = number << 8 | UInt32(value)
        }
        return IPAddress(v4: number)
    }

    private static func parseV6(_ text: Substring) -> IPAddress? {
        // "::" stands for the zero groups that are missing, and may stand once.
        var halves: [Substring] = []
        if let gap = text.firstRange(of: "::") {
            halves = [text[..<gap.lowerBound], text[gap.upperBound...]]
            guard halves[1].firstRange(of: "::") == nil else { return nil }
        } else {
            halves = [text]
        }
        var groups: [[UInt16]] = []
        for (index, half) in halves.enumerated() {
            guard let parsed = parseGroups(half, last: index == halves.count - 1) else { return nil }
            groups.append(parsed)
        }
        let present = groups.reduce(0) { $0 + $1.count }
        guard halves.count == 2 ? present <= 7 : present == 8 else { return nil }
        let zeros = [UInt16](repeating: 0, count: 8 - present)
        let all = halves.count == 2 ? groups[0] + zeros + groups[1] : groups[0]
        return IPAddress(family: .v6, bits: all.reduce(0) { $0 << 16 | UInt128($1) })
    }

    private static func parseGroups(_ text: Substring, last: Bool) -> [UInt16]? {
        guard !text.isEmpty else { return [] }
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        var groups: [UInt16] = []
        for (index, part) in parts.enumerated() {
            if part.utf8.contains(UInt8(ascii: ".")) {
                guard last, index == parts.count - 1, let v4 = parseV4(part) else { return nil }
                groups.append(UInt16(truncatingIfNeeded: v4.bits >> 16))
                groups.append(UInt16(truncatingIfNeeded: v4.bits))
            } else {
                guard (1...4).contains(part.utf8.count),
                    part.utf8.allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }),
                    let group = UInt16(part, radix: 16)
                else { return nil }
                groups.append(group)
            }
        }
        return groups
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
