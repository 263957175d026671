import Addressing
import CNI
import Glibc
import Host
import Netlink
import Overlay

/// How the host routes a packet of a pod: what its kernel answers.
struct RouteAccount {
    /// For people to read.
    let text: String
    /// What becomes of the packet; nil where it is routed into the tunnel device.
    let outcome: TraceOutcome?
    /// Of the tunnel device, in bytes.
    let mtu: Int?

    init(
        _ packet: TrialPacket, from pod: AttachmentRecord, _ records: [AttachmentRecord], _ settings: Settings,
        _ devices: DeviceNames
    ) throws(SystemError) {
        let socket = try RouteSocket()
        guard let bridge = try socket.link(named: pod.bridge) else {
            (text, mtu) = ("the bridge \(pod.bridge) is gone", nil)
            outcome = TraceOutcome(kind: .dropped, text: "the pod's bridge is gone: start the pod anew")
            return
        }
        do throws(SystemError) {
            let route = try socket.route(of: ForwardedPacket(packet, from: bridge.index))
            let device = route.interfaceIndex.map { devices[$0] } ?? "no device"
            let hop = route.gateway.map { " via \($0)" } ?? ""
            if route.kind == .local {
                (text, mtu) = ("local: the address is this host's own", nil)
                outcome = TraceOutcome(kind: .delivered, text: "to this host itself")
            } else if device == KernelNames.tunnelDevice {
                let tunnel = try socket.link(named: device)
                mtu = tunnel?.mtu
                text = "table \(route.table): \(device), at most \(mtu ?? 0) bytes"
                outcome = nil
            } else {
                (text, mtu) = ("table \(route.table): \(device)\(hop)", nil)
                outcome = Self.elsewhere(packet, pod, records, settings, device: device, hop: hop)
            }
        } catch {
            if error.code == EPERM { throw error }
            mtu = nil
            text = "refused: \(try Self.reason(error, packet, settings, socket))"
            outcome = TraceOutcome(kind: .refused, text: "this host answers with ICMP \"destination unreachable\"")
        }
    }

    private static func elsewhere(
        _ packet: TrialPacket, _ pod: AttachmentRecord, _ records: [AttachmentRecord], _ settings: Settings,
        device: String, hop: String
    ) -> TraceOutcome {
        if records.contains(where: { $0.bridge == device }) {
            let other = records.first { $0.phase == .attached && $0.addresses.contains(packet.destination) }
            return TraceOutcome(
                kind: .delivered,
                text: other.map { "to \(TracedPod.name($0)) on this node, by \(device)" }
                    ?? "to \(packet.destination) by \(device), which no record names")
        }
        if settings.serviceCIDRs.contains(where: { $0.contains(packet.destination) }) {
            return TraceOutcome(
                kind: .leaves,
                text:
                    "it is a Service's address, which packet filters translate before routing: trace the pod behind it")
        }
        let source = pod.isMasqueraded ? "with this node's address" : "with the pod's address"
        return TraceOutcome(kind: .leaves, text: "by \(device)\(hop), without the tunnel, \(source)")
    }

    /// The route that refuses the packet, or the kernel's own words.
    private static func reason(
        _ error: SystemError, _ packet: TrialPacket, _ settings: Settings, _ socket: RouteSocket
    ) throws(SystemError) -> String {
        let refusals: Set<RouteKind> = [.unreachable, .prohibit, .blackhole]
        let route = try socket.routes(family: packet.destination.family).filter {
            refusals.contains($0.kind) && $0.destination.contains(packet.destination)
        }.max { $0.destination.length < $1.destination.length }
        guard [EHOSTUNREACH, ENETUNREACH, EACCES, EINVAL].contains(error.code), let route else { return "\(error)" }
        let tunnel = try socket.link(named: KernelNames.tunnelDevice)
        let why =
            tunnel.map { $0.hasCarrier ? "" : "; \($0.name) has no carrier, because warrensd does not run" }
            ?? "; there is no \(KernelNames.tunnelDevice), because warrensd does not run"
        let isOwn = !settings.overlayPrefixes.contains(route.destination) && route.origin == KernelNames.routeProtocol
        return "\(route.kind) \(route.destination)\(isOwn ? ": no pod of this node has the address" : why)"
    }
}

extension ForwardedPacket {
    fileprivate init(_ packet: TrialPacket, from device: Int32) {
        self.init(
            source: packet.source, destination: packet.destination, interfaceIndex: device,
            protocolNumber: packet.protocolNumber, sourcePort: packet.sourcePort,
            destinationPort: packet.destinationPort)
    }
}
