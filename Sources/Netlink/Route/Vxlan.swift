internal import Glibc
internal import NetlinkShim

/// A VXLAN-GPE device for packets of all peers (draft-ietf-nvo3-vxlan-gpe), which has no Ethernet header: who a packet
/// is for and from stands beside it (`external`, "collect metadata"), and the device learns nothing.
public struct VxlanDevice: Hashable, Sendable {
    public var name: String
    /// The UDP port that it receives on, of both families, from when it is set up.
    public var port: UInt16
    /// In bytes; nil for the kernel's choice.
    public var mtu: Int?

    public init(name: String, port: UInt16, mtu: Int? = nil) {
        self.name = name
        self.port = port
        self.mtu = mtu
    }
}

extension RouteRequest {
    /// Makes a VXLAN-GPE device, which is down; `ip link add … type vxlan external gpe nolearning udp6zerocsumrx`.
    ///
    /// From when it is set up, it takes whatever comes to its port and hands on what that holds: see to it first that
    /// nothing forged gets through.
    ///
    /// - Throws: When it is carried out: EEXIST where the name is taken, or another VXLAN device has the port. When it is
    ///   set up, EADDRINUSE where a process has the port.
    public static func createVxlan(_ device: VxlanDevice) -> RouteRequest {
        let message = Message(type: UInt16(RTM_NEWLINK), flags: NLM_F_CREATE | NLM_F_EXCL)
        message.append(ifinfomsg())
        message.put(IFLA_IFNAME, text: device.name)
        if let mtu = device.mtu { message.put(IFLA_MTU, UInt32(clamping: mtu)) }
        message.nest(IFLA_LINKINFO) {
            message.put(IFLA_INFO_KIND, text: "vxlan")
            message.nest(IFLA_INFO_DATA) {
                message.putBig(IFLA_VXLAN_PORT, device.port)
                message.put(IFLA_VXLAN_COLLECT_METADATA, UInt8(1))
                // Learning is on by default, and nothing to be had without Ethernet addresses.
                message.put(IFLA_VXLAN_LEARNING, UInt8(0))
                // Senders that encapsulate in eBPF leave the outer checksum out.
                message.put(IFLA_VXLAN_UDP_ZERO_CSUM6_RX, UInt8(1))
                message.putFlag(IFLA_VXLAN_GPE)
            }
        }
        return RouteRequest("create vxlan", device.name, message)
    }
}
