internal import Glibc
internal import Host
internal import Netlink

/// A program in the network card's driver takes the outer headers off, so that the driver's own receive offload meets bare
/// packets.
struct XDPMerging: MergingWay {
    let name = "XDP in the driver"
    let label = "xdp"

    /// Devices that run programs natively without a card's driver behind them: the detour by which they do costs more than
    /// merging saves.
    private static let inner: Set<String> = ["veth", "virtio_net", "tun", "bonding", "netkit"]

    /// - Throws: ENODEV where there is no uplink that could have a program.
    init(_ uplinks: [Link]) throws(SystemError) {
        if uplinks.contains(where: \.hasEthernetHeader) { return }
        throw SystemError("use", "XDP", code: ENODEV, detail: "no uplink has Ethernet headers")
    }

    /// For a choice by itself.
    ///
    /// - Throws: EOPNOTSUPP where any uplink is not a network card whose driver runs programs.
    init(onCards uplinks: [Link]) throws(SystemError) {
        try self.init(uplinks)
        let drivers = try DriverXDP()
        for uplink in uplinks {
            let driver = try DeviceFeatures.driver(of: uplink.name) ?? "none"
            if uplink.hasEthernetHeader, !Self.inner.contains(driver), try drivers.isNative(uplink.index) { continue }
            throw SystemError(
                "use", "XDP", code: EOPNOTSUPP, detail: "\(uplink.name) is no card with it (driver \(driver))")
        }
    }

    func prepare(_ uplinks: [Link]) -> MergingParts { MergingParts(stripsEarly: true) }
}
