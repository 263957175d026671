/// A JSON number. Its text is kept as it was written, so nothing is lost by reading and writing it again.
public struct JSONNumber: Sendable, Hashable {
    /// The number in JSON's notation (RFC 8259 section 6).
    public let text: String

    public init(_ value: some BinaryInteger) {
        self.text = String(value)
    }

    /// A finite number; an infinite one or NaN, which JSON cannot spell, becomes 0.
    public init(_ value: Double) {
        self.text = value.isFinite ? "\(value)" : "0"
    }

    init(verbatim text: String) {
        self.text = text
    }

    /// The value where it is whole and fits, else nil. `1e+09` is whole: Go writes large whole numbers so.
    public var int: Int? {
        if let plain = Int(text) { return plain }
        // Above 2^53 a notation with fraction or exponent no longer names one whole number.
        guard let double, double.magnitude <= 0x1p53 else { return nil }
        return Int(exactly: double)
    }

    /// The nearest floating-point value, or nil where the number is beyond their range.
    public var double: Double? {
        guard let value = Double(text), value.isFinite else { return nil }
        return value
    }
}
