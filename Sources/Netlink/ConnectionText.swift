internal import Addressing
internal import Host

/// The table of tracked connections as text: a line for each, with `src=… dst=…` of either direction.
enum ConnectionText {
    /// True where a connection has any of `addresses` as a source, or where this kernel has no such text.
    static func mentions(_ addresses: [IPAddress]) throws(SystemError) -> Bool {
        guard let text = try Files.readIfPresent("/proc/thread-self/net/nf_conntrack") else { return true }
        let sources = addresses.map { Array("src=\(spelling(of: $0))".utf8) }
        return text.split(separator: UInt8(ascii: " ")).contains { word in
            word.first == UInt8(ascii: "s") && sources.contains { word.elementsEqual($0) }
        }
    }

    /// The kernel writes all 32 digits of an IPv6 address.
    private static func spelling(of address: IPAddress) -> String {
        if address.family == .v4 { return address.description }
        return (0..<8).reversed().map { group in
            let digits = String(UInt16(truncatingIfNeeded: address.bits >> (16 * group)), radix: 16)
            return String(repeating: "0", count: 4 - digits.count) + digits
        }.joined(separator: ":")
    }
}
