import Addressing
import Overlay

/// What the datapath does with a packet, in words: the answer of `warrensd`.
struct TunnelAccount {
    private(set) var steps: [TraceStep] = []
    let outcome: TraceOutcome

    init(_ report: TraceReport, _ packet: TrialPacket, _ settings: Settings, _ devices: DeviceNames) {
        outcome = Self.outcome(report, packet)
        steps.append(TraceStep(place: "peer", text: Self.peer(report, settings, packet)))
        steps.append(TraceStep(place: "carrier", text: Self.carrier(report)))
        guard let path = report.path, [.send, .fragment, .split].contains(report.verdict.action) else { return }
        steps.append(TraceStep(place: "datagram", text: Self.datagram(report, path, packet)))
        steps.append(TraceStep(place: "size", text: Self.size(report, path, packet)))
        steps.append(TraceStep(place: "uplink", text: Self.uplink(report, path, devices)))
    }

    private static func peer(_ report: TraceReport, _ settings: Settings, _ packet: TrialPacket) -> String {
        guard let peer = report.peer else {
            let isOurs = settings.overlayPrefixes.contains { $0.contains(packet.destination) }
            return "none: no node claims \(packet.destination)\(isOurs ? "" : ", which is outside of the overlay")"
        }
        return "\(peer.name), for its \(peer.isRoute ? "route" : "subnet") \(peer.prefix)"
    }

    private static func carrier(_ report: TraceReport) -> String {
        guard let kernel = report.kernel else { return "user space: warrensd (datapath \(report.datapath))" }
        let program = kernel.program.map { "program tunnel (number \($0))" } ?? "no program"
        if report.skipsStack { return "the kernel: program pod, at the host's end of the pod's veth pair" }
        guard let obstacle = kernel.obstacle else { return "the kernel: \(program) at egress of warrens0" }
        return "user space: warrensd, because \(program) declines it: \(obstacle)"
    }

    private static func datagram(_ report: TraceReport, _ path: TraceReport.Path, _ packet: TrialPacket) -> String {
        let source = path.source.map(\.description) ?? "this host"
        let isCarried = report.kernel != nil && report.kernel?.obstacle == nil
        let hashed = isCarried ? "a port from 49152 to 65535" : "one of the daemon's ports"
        let port = report.sourcePort.map { "port \($0)" } ?? "\(hashed), which follows from the flow,"
        return "UDP from \(source) \(port) to \(path.endpoint), framing \(report.framing)"
    }

    private static func size(_ report: TraceReport, _ path: TraceReport.Path, _ packet: TrialPacket) -> String {
        let total = packet.longest + path.overhead
        let limit =
            path.mtu < path.routeMTU
            ? "\(path.mtu) that the network has reported (the route says \(path.routeMTU))"
            : "\(path.mtu) that the route carries"
        let sum = "\(packet.longest) + \(path.overhead) = \(total) bytes"
        switch report.verdict.action {
        case .fragment: return "\(sum) of \(limit): the datagram is fragmented"
        case .split: return "\(sum) of \(limit): the packet is split, and sent in parts of \(report.verdict.mtu ?? 0)"
        default: return "\(sum) of \(limit)\(packet.segmentLength == nil ? "" : ", for each part of the super-packet")"
        }
    }

    private static func uplink(_ report: TraceReport, _ path: TraceReport.Path, _ devices: DeviceNames) -> String {
        let device = path.device.map { devices[$0] } ?? "the device that the route names"
        let hop = path.gateway.map { "via \($0)" } ?? "directly attached"
        guard report.kernel != nil, report.kernel?.obstacle == nil else { return "\(device), \(hop)" }
        return "\(device), \(hop), to whom the kernel's neighbour table names"
    }

    private static func outcome(_ report: TraceReport, _ packet: TrialPacket) -> TraceOutcome {
        let counter = report.verdict.reason.map { "drop.\($0)" }
        let name = report.peer?.name ?? "nobody"
        switch report.verdict.action {
        case .send, .fragment, .split:
            return TraceOutcome(
                kind: .sent, text: "to \(name); not looked at: the network between, and what \(name) does")
        case .drop:
            return TraceOutcome(kind: .dropped, text: drop(report.verdict.reason ?? ""), counter: counter)
        case .reject:
            return TraceOutcome(kind: .refused, text: "warrensd answers with \(error(report))", counter: counter)
        }
    }

    private static func drop(_ reason: String) -> String {
        switch reason {
        case "loop": "it goes to an endpoint of another node: it would be a tunnel in the tunnel"
        case "ownDestination":
            "the destination lies in a subnet of this node, so routes are wrong; see `warrensctl doctor`"
        case "notUnicast": "the destination is not one host's"
        default: "warrensd drops it: \(reason)"
        }
    }

    private static func error(_ report: TraceReport) -> String {
        if let mtu = report.verdict.mtu { return "ICMP \"packet too big\", MTU \(mtu)" }
        guard report.peer == nil else {
            return "ICMP \"host unreachable\": no way to \(report.peer?.name ?? "the node"); see `warrensctl peers`"
        }
        return "ICMP \"destination unreachable\""
    }
}
