import Addressing
import CNI
import Host
import JSON
import Netlink
import Overlay
import Service

/// The way of a packet from a pod, stage by stage. Each stage asks whoever decides there, and notes the answer.
struct Journey {
    private(set) var packet: TrialPacket
    private let asked: TrialPacket
    private let pod: AttachmentRecord
    private let records: [AttachmentRecord]
    private let settings: Settings
    private let daemon: DaemonClient
    private let devices = DeviceNames()
    private(set) var steps: [TraceStep] = []
    private(set) var outcome = TraceOutcome(kind: .unknown, text: "nobody knows")
    /// What `warrensd` answers; nil where it need not be asked or gives no answer.
    private(set) var report: TraceReport?

    init(
        _ packet: TrialPacket, of pod: AttachmentRecord, _ records: [AttachmentRecord], _ settings: Settings,
        _ daemon: DaemonClient
    ) {
        self.packet = packet
        asked = packet
        self.pod = pod
        self.records = records
        self.settings = settings
        self.daemon = daemon
    }

    mutating func travel() {
        if let end = leavePod() {
            outcome = end
            return
        }
        var answer = askDaemon()
        report = try? answer.get()
        note("hook", HookAccount(pod, report?.kernel, devices).text)
        if report?.skipsStack == true {
            note("short cut", "the flow skips the host's stack: packets were seen untranslated both ways")
        } else {
            note("firewall", FilterAccount().text)
            let former = packet
            if let end = route() {
                report = nil
                outcome = end
                return
            }
            if packet != former { answer = askDaemon() }
            report = try? answer.get()
        }
        switch answer {
        case .success(let report): enterTunnel(report)
        case .failure(let error):
            outcome = TraceOutcome(
                kind: .unknown, text: "only warrensd knows what follows: \(error); \(error.remedy)")
        }
    }

    private mutating func note(_ place: String, _ text: String) { steps.append(TraceStep(place: place, text: text)) }

    private func askDaemon() -> Result<TraceReport, DaemonError> {
        do throws(DaemonError) {
            return .success(try daemon.trace(packet))
        } catch {
            return .failure(error)
        }
    }

    // MARK: Stages

    /// What the pod's own kernel does. Nil where it sends the packet.
    private mutating func leavePod() -> TraceOutcome? {
        let side: PodSide
        do throws(SystemError) {
            side = try PodSide(pod, packet)
        } catch {
            note("pod", "not looked at, because its network namespace cannot be entered: \(error)")
            return nil
        }
        note("pod", side.text)
        if let refusal = side.refusal { return TraceOutcome(kind: .unsent, text: refusal) }
        guard packet.longest > side.mtu else { return nil }
        guard packet.mayBeFragmented, packet.segmentLength == nil else {
            return TraceOutcome(
                kind: .unsent,
                text: "the pod's own kernel refuses it: \(packet.longest) bytes, where \(side.mtu) may leave"
                    + " (\"message too long\")")
        }
        note("pod", "its kernel fragments the packet; what follows is about a fragment of \(side.mtu) bytes")
        packet.length = side.mtu
        return nil
    }

    /// How the host routes it. Nil where that is into the tunnel.
    private mutating func route() -> TraceOutcome? {
        let account: RouteAccount
        do throws(SystemError) {
            account = try RouteAccount(packet, from: pod, records, settings, devices)
        } catch {
            note("route", "cannot be asked for: \(error)")
            return TraceOutcome(kind: .unknown, text: "the host's routing cannot be asked: run warrensctl as root")
        }
        note("route", account.text)
        if let outcome = account.outcome { return outcome }
        guard let mtu = account.mtu, packet.longest > mtu else { return nil }
        guard packet.mayBeFragmented, packet.segmentLength == nil else {
            return TraceOutcome(
                kind: .refused,
                text:
                    "too big: this host answers with ICMP \"packet too big\", MTU \(mtu), before it reaches the tunnel")
        }
        note("route", "this host fragments it; what follows is about a fragment of \(mtu) bytes")
        packet.length = mtu
        return nil
    }

    private mutating func enterTunnel(_ report: TraceReport) {
        let account = TunnelAccount(report, packet, settings, devices)
        steps += account.steps
        outcome = account.outcome
    }
}

extension Journey {
    private var title: String {
        let kind = TransportProtocol.name(asked.protocolNumber)
        let size = asked.segmentLength.map { ", to be cut into packets of \($0)" } ?? ""
        let source = asked.sourcePort.map { " port \($0)" } ?? ""
        let target = asked.destinationPort.map { " port \($0)" } ?? ""
        return "\(kind), \(asked.length) bytes\(size), from \(asked.source)\(source) (\(TracedPod.name(pod)))"
            + " to \(asked.destination)\(target)"
    }

    var text: String {
        var table = Table("WHERE", "WHAT HAPPENS")
        for step in steps { table.add(step.place, step.text) }
        let counter = outcome.counter.map { " (counted as \($0))" } ?? ""
        return "\(title)\n\n\(table.text)\n\(outcome.kind.rawValue): \(outcome.text)\(counter)\n"
    }

    var json: JSONValue {
        .object([
            "pod": [
                "containerID": .string(pod.attachment.containerID),
                "interfaceName": .string(pod.attachment.interfaceName),
                "hostInterface": .string(pod.hostInterface), "address": .string(asked.source.description),
            ],
            "packet": [
                "destination": .string(asked.destination.description), "protocol": .number(Int(asked.protocolNumber)),
                "sourcePort": asked.sourcePort.map { .number(Int($0)) } ?? .null,
                "destinationPort": asked.destinationPort.map { .number(Int($0)) } ?? .null,
                "length": .number(asked.length), "segment": asked.segmentLength.map { .number($0) } ?? .null,
                "mayBeFragmented": .bool(asked.mayBeFragmented),
            ],
            "steps": .array(steps.map(\.json)), "outcome": outcome.json, "tunnel": report?.json ?? .null,
        ])
    }
}

extension TraceReport {
    /// The packet goes from the pod's veth to the uplink.
    var skipsStack: Bool {
        guard let kernel, let shortCut = kernel.shortCut else { return false }
        return shortCut.obstacle == nil && kernel.obstacle == nil && peer?.isRoute == false
    }
}
