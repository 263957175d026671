import Addressing

extension IPPrefix {
    /// Addresses that name no single machine, or not beyond one link: "this network" (RFC 1122), loopback, link-local
    /// and multicast ones.
    private static let notUnicast: [IPPrefix] = [
        "0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "::/127", "fe80::/10", "ff00::/8",
    ].compactMap { IPPrefix($0) }

    /// True where every address of the prefix can be a container's, as far as routing goes.
    var isUnicast: Bool { !Self.notUnicast.contains(where: overlaps) }
}
