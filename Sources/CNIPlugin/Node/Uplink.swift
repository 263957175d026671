internal import Addressing
internal import Host
internal import Netlink

/// The interface by which this node reaches others.
enum Uplink {
    /// The smallest MTU of the interfaces that carry a default route, in bytes; nil where there is none.
    static func mtu(_ socket: RouteSocket) -> Int? {
        do throws(SystemError) {
            let defaults = try socket.routes().filter { $0.destination.length == 0 && $0.kind == .unicast }
            var smallest: Int?
            for index in Set(defaults.flatMap(\.interfaceIndices)) {
                guard let link = try socket.link(index: index), !link.isLoopback else { continue }
                smallest = min(smallest ?? link.mtu, link.mtu)
            }
            return smallest
        } catch {
            return nil
        }
    }
}
