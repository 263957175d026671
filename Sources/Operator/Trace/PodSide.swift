import Addressing
import CNI
import Glibc
import Host
import Netlink
import Overlay

/// What a pod's own kernel does with a packet, as asked from inside of the pod.
struct PodSide {
    /// For people to read.
    let text: String
    /// The longest packet that leaves the pod towards the destination, in bytes: its device's, or what it was told.
    let mtu: Int
    /// Why nothing leaves; nil where it does.
    let refusal: String?

    init(_ pod: AttachmentRecord, _ packet: TrialPacket) throws(SystemError) {
        let namespace = try NetworkNamespace(path: pod.namespacePath)
        guard try namespace.identity == pod.namespaceIdentity else {
            throw SystemError("open", pod.namespacePath, code: ESTALE, detail: "it is another pod's by now")
        }
        self = try namespace.run { () throws(SystemError) in try PodSide(packet, pod.attachment.interfaceName) }
    }

    /// In the calling thread's network namespace.
    private init(_ packet: TrialPacket, _ name: String) throws(SystemError) {
        let socket = try RouteSocket()
        guard let own = try socket.link(named: name) else {
            throw SystemError("get link", name, code: ENODEV, detail: "the pod has lost it")
        }
        let route: Route
        do throws(SystemError) {
            route = try socket.route(to: packet.destination)
        } catch {
            (mtu, refusal) = (own.mtu, "the pod has no route to \(packet.destination) (\(error))")
            text = "no route to the destination"
            return
        }
        guard route.interfaceIndex == own.index else {
            (mtu, refusal) = (own.mtu, "the pod sends it elsewhere than to \(name)")
            text = "the pod's route does not lead to \(name)"
            return
        }
        let told = route.mtu.map { Int(clamping: $0) }.flatMap { $0 < own.mtu ? $0 : nil }
        mtu = told ?? own.mtu
        refusal = own.isUp ? nil : "\(name) of the pod is down"
        let hop = route.gateway.map { "next hop \($0)" } ?? "directly attached"
        let limit = told.map { "\($0) bytes, as it was told of the path" } ?? "\(own.mtu) bytes"
        text = "\(name), \(hop), at most \(limit)"
    }
}
