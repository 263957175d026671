/// Numbers as people read them.
enum Quantity {
    /// `1 packet`, `2 packets`.
    static func count(_ number: some BinaryInteger, _ noun: String) -> String {
        "\(number) \(noun)\(number == 1 ? "" : "s")"
    }

    /// `1.4 MB`, in powers of 1000.
    static func bytes(_ count: UInt64) -> String {
        guard count >= 1000 else { return "\(count) B" }
        var thousandths = count
        for unit in ["kB", "MB", "GB", "TB", "PB"] {
            if thousandths < 1_000_000 { return "\(thousandths / 1000).\(thousandths % 1000 / 100) \(unit)" }
            thousandths /= 1000
        }
        return "\(thousandths / 1000).\(thousandths % 1000 / 100) EB"
    }

    /// `3 d 4 h`, `12 min 5 s`: the two largest units.
    static func duration(_ seconds: Int) -> String {
        switch seconds {
        case ..<60: "\(seconds) s"
        case ..<3600: "\(seconds / 60) min \(seconds % 60) s"
        case ..<86_400: "\(seconds / 3600) h \(seconds / 60 % 60) min"
        default: "\(seconds / 86_400) d \(seconds / 3600 % 24) h"
        }
    }

    /// `0.412 ms`.
    static func milliseconds(_ duration: Duration) -> String {
        let (seconds, attoseconds) = duration.components
        let microseconds = seconds * 1_000_000 + attoseconds / 1_000_000_000_000
        let fraction = String(microseconds % 1000)
        return "\(microseconds / 1000).\(String(repeating: "0", count: 3 - fraction.count))\(fraction) ms"
    }
}
