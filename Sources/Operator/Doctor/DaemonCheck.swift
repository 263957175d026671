import Addressing
import Host
import Netlink
import Overlay
import Service

/// The tunnel process, its port, its registry and the MTU.
struct DaemonCheck: Check {
    let subject = "daemon"
    let paths: NodePaths
    let facts: NodeFacts

    func findings() throws -> [Finding] {
        do {
            let report = try DaemonClient(paths).status()
            return running(report) + tunnelSize(report)
        } catch let error as DaemonError where error.cause == .down {
            return stopped() + nodeFile()
        } catch let error as DaemonError where error.cause == .forbidden {
            return [.problem(subject, "\(error)", remedy: "run warrensctl as root")]
        } catch {
            return [.problem(subject, "\(error)", remedy: "see its log (\(paths.log) or the journal), then end it")]
        }
    }

    private func running(_ report: StatusReport) -> [Finding] {
        var findings = [
            Finding.good(subject, "warrensd \(report.version) runs, datapath \(report.datapath)")
        ]
        if let difference = facts.difference(from: report) {
            findings.append(.problem(subject, told: difference, otherwise: "restart warrensd"))
        }
        let registry = report.registry
        if let error = registry.lastError {
            findings.append(.problem("node file", told: error, otherwise: "correct \(registry.file)"))
            findings.append(.notice("node file", "until then the peers of the last good one are in force"))
        }
        findings += registry.problems.map { .notice("node file", $0.description, remedy: "correct \(registry.file)") }
        findings += registry.conflicts.map { conflict in
            .problem(
                "node file", conflict.description,
                remedy: "give \(conflict.loser) a machine id of its own, or announce other subnets for it")
        }
        findings += report.warnings.map { .notice(subject, $0) }
        findings += report.peers.filter { $0.endpoint == nil }.map {
            .notice("peers", "nothing can be sent to \($0.name)\($0.note.isEmpty ? "" : ": \($0.note)")")
        }
        return findings
    }

    private func stopped() -> [Finding] {
        if let error = facts.startError {
            return [
                .problem(subject, "warrensd did not start: \(error)", remedy: "correct that; then \(start)")
            ]
        }
        if isPortTaken {
            return [
                .problem(
                    subject, "UDP port \(facts.settings.port) is taken by another program",
                    remedy: "end it (`ss -lunp`), or set another port in warrens.json on every node")
            ]
        }
        return facts.attachments == 0
            ? [.notice(subject, "warrensd does not run", remedy: start)]
            : [
                .problem(subject, "warrensd does not run, and pods are attached", remedy: start)
            ]
    }

    /// How it comes to run.
    private var start: String {
        NetworkLists(paths: paths).startsDaemon
            ? "start a pod, which starts it, or `systemctl start warrensd` where systemd runs it"
            : "`systemctl enable --now warrensd`: the network list forbids pods to start it (\"tunnel\")"
    }

    /// Whether a socket of this network namespace is bound to our port.
    private var isPortTaken: Bool {
        let digits = String(facts.settings.port, radix: 16, uppercase: true)
        let suffix = ":" + String(repeating: "0", count: 4 - digits.count) + digits
        return ["/proc/net/udp", "/proc/net/udp6"].contains { path in
            let table = (try? Files.read(path, limit: 1 << 24)) ?? []
            return String(decoding: table, as: UTF8.self).split(separator: "\n").dropFirst().contains { line in
                let words = line.split(separator: " ")
                return words.count > 1 && words[1].hasSuffix(suffix)
            }
        }
    }

    private func nodeFile() -> [Finding] {
        let path = facts.settings.nodeFile
        let place = paths.root + path
        guard Files.exists(place) else {
            return [
                .notice(
                    "node file", "\(place) does not exist, so this node knows no other",
                    remedy: "kubectl get nodes -o json > \(place)")
            ]
        }
        do throws(OverlayError) {
            let file = try NodeFile.read(place, settings: facts.settings)
            return file.problems.map { .notice("node file", $0.description, remedy: "correct \(place)") }
        } catch {
            return [.problem("node file", told: "\(error)", otherwise: "replace it")]
        }
    }

    private func tunnelSize(_ report: StatusReport) -> [Finding] {
        guard let link = (try? RouteSocket().link(named: KernelNames.tunnelDevice)).flatMap({ $0 }) else {
            return [
                .problem(
                    subject, "\(KernelNames.tunnelDevice) is gone", remedy: "restart warrensd, which makes it again")
            ]
        }
        guard link.isUp, link.mtu == report.mtu else {
            return [
                .problem(
                    "MTU", "\(link.name) is \(link.isUp ? "up" : "down") with MTU \(link.mtu) instead of \(report.mtu)",
                    remedy: "restart warrensd, which sets it right")
            ]
        }
        return [.good("MTU", "\(link.mtu) bytes for packets between nodes")]
    }
}
