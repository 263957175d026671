internal import Host
internal import Netlink

/// What kind of devices lead to other nodes.
enum UplinkTraits {
    /// True where all uplinks are a machine's inner ones, as veth and virtio, and cut nothing: then they receive what others
    /// have not cut either.
    static func passSuperPackets(_ uplinks: [Link]) throws(SystemError) -> Bool {
        try have(["veth", "virtio_net"], uplinks)
    }

    /// The same where no wire can lie behind them.
    static func stayInside(_ uplinks: [Link]) throws(SystemError) -> Bool {
        try have(["veth"], uplinks)
    }

    private static func have(_ drivers: Set<String>, _ uplinks: [Link]) throws(SystemError) -> Bool {
        let features = try DeviceFeatures()
        for uplink in uplinks {
            guard drivers.contains(try DeviceFeatures.driver(of: uplink.name) ?? "") else { return false }
            let cuts = try features.features(of: uplink.index).contains { $0.name == "tx-tcp-segmentation" && !$0.isOn }
            if cuts { return false }
        }
        return !uplinks.isEmpty
    }
}
