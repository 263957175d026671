import Addressing
import Host
import KernelEye
import Netlink
import Testing

/// A node's namespace with a bridge, and a pod's with one end of a veth pair whose other end is a port of the bridge.
struct PodNetwork: ~Copyable {
    static let bridgeMAC = MACAddress(locallyAdministered: 7)
    static let hostMAC = MACAddress(locallyAdministered: 8)
    static let podMAC = MACAddress(locallyAdministered: 9)

    let node: NetworkNamespace
    let pod: NetworkNamespace
    let host: RouteSocket
    let inside: RouteSocket
    let bridge: Int32
    let port: Int32
    /// The index of `eth0` in the pod.
    let interface: Int32

    /// Makes it on a thread of ``TestNamespace``, which is then in the node's namespace.
    init() throws {
        let node = try NetworkNamespace.current()
        let host = try RouteSocket()
        try TestNamespace.enterNew()
        let pod = try NetworkNamespace.current()
        let inside = try RouteSocket()
        try node.enter()

        try host.perform(
            .createBridge(Bridge(name: "cni0", mac: Self.bridgeMAC, mtu: 1400, snoopsMulticast: false)))
        let bridge = try #require(try host.link(named: "cni0")?.index)
        try host.perform(
            .createVeth(
                VethEnd(name: "vethabc", mac: Self.hostMAC, mtu: 1400, gsoMaxSize: 65000), isUp: true, master: bridge,
                peer: VethEnd(
                    name: "eth0", mac: Self.podMAC, mtu: 1400, namespaceDescriptor: pod.descriptor, gsoMaxSize: 65000,
                    gsoIPv4MaxSize: 64000)))
        let link = try #require(try host.link(named: "vethabc"))
        let interface = try #require(link.peerIndex)
        try inside.perform(.changeLink(interface, LinkChange(isUp: true)))

        self.node = node
        self.pod = pod
        self.host = host
        self.inside = inside
        self.bridge = bridge
        self.port = link.index
        self.interface = interface
    }
}
