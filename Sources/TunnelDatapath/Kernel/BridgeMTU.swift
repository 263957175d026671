import Addressing
internal import Host
internal import Netlink
internal import Overlay

/// Lets the pods' bridges follow the tunnel's MTU. One with an MTU that the node never had got it from its network's
/// configuration, and keeps it.
struct BridgeMTU {
    /// The MTUs that a bridge has because the node had them, in bytes.
    private var followed: Set<Int>

    /// - Parameter former: What the node had until now.
    init(former: [Int]) { followed = Set(former) }

    /// - Parameters:
    ///   - mtu: What the node has now, in bytes.
    ///   - gateways: The addresses by which the bridges are known.
    /// - Returns: What was changed, in words for the log.
    mutating func reconcile(_ mtu: Int, gateways: [IPAddress], _ socket: RouteSocket) throws(SystemError) -> [String] {
        followed.insert(mtu)
        let links = try socket.links()
        let known = Set(
            try socket.addresses().filter { gateways.contains($0.prefix.address) }.map(\.interfaceIndex))
        var changes: [String] = []
        for bridge in links where bridge.isBridge && followed.contains(bridge.mtu) {
            guard known.contains(bridge.index) || bridge.name == KernelNames.defaultBridge else { continue }
            // A pod that has less already would lose what the bridge sends it without complaint.
            let target = links.filter { $0.master == bridge.index }.map(\.mtu).reduce(mtu, min)
            guard bridge.mtu != target else { continue }
            try socket.perform([.changeLink(bridge.index, LinkChange(mtu: target))])
            followed.insert(target)
            changes.append("\(bridge.name) with MTU \(target)")
        }
        return changes
    }
}
