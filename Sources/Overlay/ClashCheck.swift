public import Addressing

/// Finds where the overlay's prefixes meet addresses that already mean something else on this host or in the cluster.
public enum ClashCheck {
    /// A prefix of the host or cluster that one of ours overlaps.
    public struct Clash: Hashable, Sendable, CustomStringConvertible {
        /// Our prefix.
        public let prefix: IPPrefix
        /// What it meets: `the route 10.200.0.0/16 on eth1`.
        public let problem: String
        public let remedy: String

        public var description: String { "\(problem); \(remedy)" }
    }

    /// A route or an address of the host, with the device that it belongs to.
    public struct HostPrefix: Hashable, Sendable {
        public let prefix: IPPrefix
        public let device: String

        public init(_ prefix: IPPrefix, device: String) {
            self.prefix = prefix
            self.device = device
        }
    }

    /// The devices that are ours: what lies on them cannot clash.
    public static let ownDevices: Set<String> = [
        KernelNames.defaultBridge, KernelNames.tunnelDevice, KernelNames.mergeEntry, KernelNames.mergeExit,
        KernelNames.mergeGPE,
    ]

    /// Compares the prefixes that the settings enable with the Service ranges and with the host's state.
    ///
    /// - Parameters:
    ///   - addresses: The host's addresses, of all devices.
    ///   - routes: The host's unicast routes; default routes are passed over.
    ///   - bridges: All bridges of the host. A single address or route on one is a gateway or a pod of ours, be it of
    ///     another network or of earlier settings; other software gives a bridge a subnet.
    ///   - own: Devices that are ours whatever lies on them.
    public static func all(
        settings: Settings, addresses: [HostPrefix], routes: [HostPrefix], bridges: Set<String> = [],
        own: Set<String> = []
    ) -> [Clash] {
        let own = ownDevices.union(own)
        let foreign = { (candidate: HostPrefix) in
            !own.contains(candidate.device) && !(candidate.prefix.isHost && bridges.contains(candidate.device))
        }
        return services(settings: settings)
            + clashes(settings, addresses.filter(foreign).map { IPPrefix(host: $0.prefix.address) }) {
                "the host's address \($0.address) on \(device($0, in: addresses) ?? "a device")"
            }
            + clashes(settings, routes.filter { foreign($0) && $0.prefix.length > 0 }.map(\.prefix)) {
                "the host's route \($0) on \(device($0, in: routes) ?? "a device")"
            }
    }

    /// Compares the prefixes that the settings enable with the Service ranges alone.
    public static func services(settings: Settings) -> [Clash] {
        clashes(settings, settings.serviceCIDRs) { "the Service range \($0)" }
    }

    private static func clashes(
        _ settings: Settings, _ others: [IPPrefix], _ name: (IPPrefix) -> String
    ) -> [Clash] {
        settings.overlayPrefixes.flatMap { own in
            others.filter(own.overlaps).map { other in
                Clash(
                    prefix: own, problem: "our prefix \(own) overlaps \(name(other))",
                    remedy: remedy(own, settings: settings))
            }
        }
    }

    private static func device(_ prefix: IPPrefix, in candidates: [HostPrefix]) -> String? {
        candidates.first { $0.prefix == prefix || $0.prefix.address == prefix.address && prefix.isHost }?.device
    }

    private static func remedy(_ prefix: IPPrefix, settings: Settings) -> String {
        if settings.subnets.contains(prefix) { return "pin another subnet in warrens.json on this node" }
        let key = prefix.family == .v4 ? Settings.Key.v4Prefix : .v6Prefix
        return "choose another \(key.rawValue) in warrens.json, the same on every node"
    }
}

extension Settings {
    /// Every prefix that pods of this cluster have addresses of, as far as the settings tell: IPv6 first.
    public var overlayPrefixes: [IPPrefix] {
        let blocks = families.enabled.map { $0 == .v6 ? v6Prefix : v4Prefix }
        return blocks + subnets.filter { subnet in !blocks.contains { $0.contains(subnet) } }
    }
}
