import Addressing
import ArgumentParser
import Host
import JSON
import Overlay
import Service

/// Prints how this node is doing.
struct Status: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print this node's identity, its tunnel process and what is wrong.",
        discussion: "Useful when warrensd does not run, too. Exits with 1 unless warrensd runs.")

    @Flag(help: "Print JSON.")
    var json = false

    func run() throws {
        let paths = NodePaths.current
        let facts = try NodeFacts(paths, settings: Settings.load(paths))
        var report: StatusReport?
        var failure: String?
        do {
            report = try DaemonClient(paths).status()
        } catch {
            failure = "\(error)"
        }
        if json {
            Output.print(
                .object([
                    "node": facts.json, "daemon": report?.json ?? .null, "daemonError": Output.optional(failure),
                ]))
        } else {
            print(Self.text(facts, report, failure, KernelAbilities(), DeviceNames()), terminator: "")
        }
        if report == nil { throw ExitCode.failure }
    }

    static func text(
        _ facts: NodeFacts, _ report: StatusReport?, _ failure: String?, _ abilities: KernelAbilities? = nil,
        _ devices: DeviceNames = DeviceNames([:])
    ) -> String {
        var lines: [(String, String)] = []
        if let node = facts.node {
            lines.append(("Node", "\(node.name), id \(node.nodeID)"))
            lines.append(("Subnets", node.subnets.map(\.description).joined(separator: "  ")))
            if !node.draining.isEmpty {
                lines.append(("Draining", node.draining.map(\.description).joined(separator: "  ")))
            }
            lines.append(("Claim", claim(node.claim)))
        } else if let error = facts.nodeError {
            lines.append(("Node", error))
        }
        lines.append(("Pods", pods(facts)))
        if let failure { lines.append(("Daemon", failure)) }
        if let error = facts.startError { lines.append(("Last start", error)) }
        if let abilities { lines.append(("Kernel", abilities.description)) }
        if let report { lines += daemon(report, devices) + difference(facts, report) }
        if let report, let difference = facts.difference(from: report) { lines.append(("Warning", difference)) }
        let width = lines.map(\.0.count).max() ?? 0
        return lines.map { key, value in
            key + String(repeating: " ", count: width - key.count + 2) + value + "\n"
        }.joined()
    }

    /// What the files of this node say and what the daemon does may be two things: it keeps the former settings where it
    /// cannot use the new ones.
    private static func difference(_ facts: NodeFacts, _ report: StatusReport) -> [(String, String)] {
        guard let node = facts.node, node.subnets.map(\.prefix) != report.subnets else { return [] }
        let inForce = report.subnets.map(\.description).joined(separator: "  ")
        return [("Warning", "warrensd still uses \(inForce); restart it, or see its warnings")]
    }

    private static func claim(_ claim: Claim) -> String {
        let since = claim.since.map { "since \($0)" } ?? "not dated yet (the clock was never synchronised)"
        return "generation \(claim.generation), \(since)"
    }

    private static func daemon(_ report: StatusReport, _ devices: DeviceNames) -> [(String, String)] {
        let registry = report.registry
        var lines = [
            ("Daemon", "warrensd \(report.version), up for \(Quantity.duration(report.uptime))"),
            ("Datapath", "\(report.datapath) (\(report.datapathReason)), MTU \(report.mtu)"),
        ]
        if let kernel = report.kernel { lines += parts(kernel, devices).map { ("", $0) } }
        let loaded = registry.loadedAt.map { "read at \($0)" } ?? "never read"
        lines.append(("Peers", "\(registry.peers) from \(registry.file), \(loaded)"))
        if let error = registry.lastError { lines.append(("Node file", error)) }
        let silent = report.peers.filter { $0.endpoint == nil }.map(\.name)
        if !silent.isEmpty { lines.append(("No endpoint", list(silent))) }
        lines += registry.problems.map { ("Problem", $0.description) }
        lines += registry.conflicts.map { ("Conflict", $0.description) }
        lines += report.warnings.map { ("Warning", $0) }
        let sent = report.peers.reduce(0) { $0 &+ $1.sent.bytes }
        let received = report.peers.reduce(0) { $0 &+ $1.received.bytes }
        lines.append(("Traffic", "\(Quantity.bytes(sent)) sent, \(Quantity.bytes(received)) received"))
        return lines + drops(report)
    }

    /// Programs with where they are, and maps with what is in them, a line each.
    private static func parts(_ kernel: KernelReport, _ devices: DeviceNames) -> [String] {
        kernel.programs.map { program in
            let number = program.number.map { "number \($0)" } ?? "GONE"
            return "program \(program.name) at \(program.direction) of \(devices[program.device]), \(number)"
        }
            + kernel.maps.filter { $0.entries != 0 }.map { map in
                "map \(map.name): \(map.entries.map { String($0) } ?? "?") of \(map.capacity)"
            }
    }

    private static func drops(_ report: StatusReport) -> [(String, String)] {
        let prefix = "drop."
        // The kernel's own multicast (router solicitations, group reports) comes to the tunnel of every healthy node.
        let usual: Set = ["drop.notUnicast"]
        let drops = report.counters.filter { $0.key.hasPrefix(prefix) && $0.value > 0 && !usual.contains($0.key) }
        return drops.sorted { $0.key < $1.key }.map {
            ("Dropped", "\(Quantity.count($0.value, "packet")): \($0.key.dropFirst(prefix.count))")
        }
    }

    private static func pods(_ facts: NodeFacts) -> String {
        let leases = facts.leases == 1 ? "1 address" : "\(facts.leases) addresses"
        return "\(Quantity.count(facts.attachments, "interface")) attached, \(leases) leased"
    }

    /// The first names, and how many more there are.
    private static func list(_ names: [String]) -> String {
        let shown = names.prefix(10).joined(separator: ", ")
        return names.count > 10 ? "\(shown) and \(names.count - 10) more" : shown
    }
}
