import Addressing
internal import Glibc
internal import Host
internal import Netlink

/// A bare packet in a datagram is Generic UDP Encapsulation, variant 1. Where the kernel receives that on the tunnel's port,
/// its receive offload merges the inner packets of a flow, with their outer headers, before any program sees them.
///
/// The socket itself never gets to receive: the programs at the uplinks leave nothing for it.
struct GUEMerging: MergingWay {
    let name = "a GUE socket"
    let label = "gue"
    let holdsPort = true
    private let port: UInt16
    private let kernel: FooOverUDP

    /// What would take in what a datagram holds that comes to the socket after all, on a device without a program.
    private static let tunnels = ["tunl0", "sit0", "ip6tnl0"]
    private static let families: [IPFamily] = [.v4, .v6]

    /// - Throws: ENOENT where the kernel has no Foo-over-UDP, EBUSY where a device would let forged packets in.
    init(port: UInt16, _ node: NodeKernel) throws(SystemError) {
        self.port = port
        try node.checkSharing()
        KernelModule.load("fou")
        kernel = try FooOverUDP()
        for name in Self.tunnels {
            guard let link = try node.routes.link(named: name), link.isUp else { continue }
            throw SystemError(
                "receive", "GUE", code: EBUSY,
                detail: "\(name) is up, which would let in what anybody sends: take it down, or do without GUE")
        }
    }

    func prepare(_ uplinks: [Link]) -> MergingParts { MergingParts() }

    func start() throws(SystemError) {
        let present = try kernel.ports()
        for family in Self.families {
            let wanted = GUEPort(family, port: port)
            if present.contains(wanted) { continue }
            do throws(SystemError) {
                try kernel.add(wanted)
            } catch  where error.code == EAFNOSUPPORT || error.code == EPFNOSUPPORT {
                // A kernel without this family.
            }
        }
    }

    func remove() throws(SystemError) { try Self.remove(port: port, kernel) }

    /// Takes away what an earlier process has made, if any.
    static func remove(port: UInt16) throws(SystemError) {
        guard let kernel = try? FooOverUDP() else { return }
        try remove(port: port, kernel)
    }

    private static func remove(port: UInt16, _ kernel: FooOverUDP) throws(SystemError) {
        for present in try kernel.ports() where present.port == port { try kernel.delete(present) }
    }
}
