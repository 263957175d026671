internal import Addressing
internal import Host
internal import Netlink

/// How large a pod's packets may be.
enum PathMTU {
    /// IPv6 demands that much of every link (RFC 8200 section 5).
    static let smallest = 1280
    static let largest = 65535
    /// The outer headers of an encrypted packet over IPv6: 40 bytes of IPv6, 8 of UDP, 32 of WireGuard.
    private static let overhead = 80
    /// Without knowledge of the paths: what fits through an Ethernet of 1500 bytes in every case.
    private static let largestGuess = 1420

    /// The MTU for a new pod in bytes: what the operator asked for, else what `warrensd` measured, else a careful guess
    /// from the uplink's. It never waits for `warrensd`.
    static func choose(
        configured: Int?, tunnelled: Bool, paths: NodePaths, uplinkMTU: () -> Int?
    ) -> Int {
        if let configured { return configured }
        guard tunnelled else { return uplinkMTU() ?? 1500 }
        if let measured = measured(paths) { return measured }
        guard let uplink = uplinkMTU() else { return largestGuess }
        return min(max(uplink - overhead, smallest), largestGuess)
    }

    /// What `warrensd` wrote, if that makes sense.
    private static func measured(_ paths: NodePaths) -> Int? {
        do throws(SystemError) {
            guard let bytes = try Files.readIfPresent(paths.mtu, limit: 64) else { return nil }
            let digits = String(decoding: bytes, as: UTF8.self).prefix { $0.isNumber }
            return Int(digits).flatMap { (smallest...largest).contains($0) ? $0 : nil }
        } catch {
            return nil
        }
    }
}
