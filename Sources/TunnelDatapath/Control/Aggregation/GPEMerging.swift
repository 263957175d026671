internal import Glibc
internal import Host
internal import Netlink
internal import Overlay

/// With `framing: gpe`, a VXLAN-GPE device has the kernel know what a datagram holds, and merge the inner packets of a flow
/// with their outer headers. No packet passes it: a program there refuses what the uplinks' have not taken.
struct GPEMerging: MergingWay {
    let name = "a VXLAN-GPE device"
    let label = "gpe"
    let holdsPort = true
    private let port: UInt16
    private let routes: RouteSocket

    /// - Throws: EOPNOTSUPP where the kernel has no VXLAN, EEXIST where something else is in the way.
    init(port: UInt16, _ node: NodeKernel) throws(SystemError) {
        self.port = port
        routes = node.routes
        try node.checkSharing()
        _ = try device()
    }

    func prepare(_ uplinks: [Link]) throws(SystemError) -> MergingParts {
        MergingParts(idleDevice: try device().index)
    }

    func start() throws(SystemError) {
        let device = try device()
        if !device.isUp { try routes.perform([.changeLink(device.index, LinkChange(isUp: true))]) }
    }

    func remove() throws(SystemError) { try Self.remove(routes) }

    /// Takes away what an earlier process has made, if any.
    static func remove(_ routes: RouteSocket) throws(SystemError) {
        guard let link = try routes.link(named: KernelNames.mergeGPE), link.kind == "vxlan" else { return }
        try routes.perform([.deleteLink(link.index).toleratingAbsence()])
    }

    /// The device, made where it is not there: down, and without addresses.
    private func device() throws(SystemError) -> Link {
        let name = KernelNames.mergeGPE
        if let present = try routes.link(named: name), present.kind == "vxlan" { return present }
        try routes.perform([.createVxlan(VxlanDevice(name: name, port: port))])
        guard let made = try routes.link(named: name) else { throw SystemError("get link", name, code: ENODEV) }
        // EAFNOSUPPORT: this kernel has no IPv6.
        try routes.perform([
            .changeLink(made.index, LinkChange(addressGeneration: AddressGeneration.none)).tolerating(EAFNOSUPPORT)
        ])
        return made
    }
}
