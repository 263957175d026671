import ArgumentParser
import Host
import JSON
import Netlink
import Overlay
import Service

/// Looks for what keeps pods from talking.
struct Doctor: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Look for what is wrong on this node, and say what to do about it.",
        discussion: "Changes nothing. Exits with 1 if there is a problem.")

    @Flag(help: "Print JSON.")
    var json = false

    func run() throws {
        let findings = try Self.examine(.current)
        let isHealthy = !findings.contains { $0.level == .problem }
        if json {
            Output.print(.object(["healthy": .bool(isHealthy), "findings": .array(findings.map(\.json))]))
        } else {
            var table = Table("", "WHAT", "FINDING")
            for finding in findings {
                table.add(finding.level.rawValue, finding.subject, Self.text(finding))
            }
            print(table.text, terminator: "")
        }
        if !isHealthy { throw ExitCode.failure }
    }

    private static func text(_ finding: Finding) -> String {
        finding.remedy.isEmpty ? finding.message : "\(finding.message)\n→ \(finding.remedy)"
    }

    private static func examine(_ paths: NodePaths) throws -> [Finding] {
        let facts: NodeFacts
        do {
            facts = try NodeFacts(paths, settings: Settings.load(paths))
        } catch {
            return [.problem("settings", told: "\(error)", otherwise: "correct \(paths.settings)")]
        }
        let report = try? DaemonClient(paths).status()
        let checks: [any Check] = [
            IdentityCheck(facts: facts), InstallationCheck(paths: paths), KernelCheck(),
            DirectoryCheck(paths: paths), AddressCheck(facts: facts), BridgeCheck(paths: paths, facts: facts),
            ForwardingCheck(facts: facts), FirewallCheck(facts: facts),
            DaemonCheck(paths: paths, facts: facts),
            DatapathCheck(paths: paths, settings: facts.settings, report: report, abilities: KernelAbilities()),
            ProgramCheck(kernel: report?.kernel, devices: DeviceNames()), OffloadCheck(report: report),
        ]
        return checks.flatMap { check in
            do {
                return try check.findings()
            } catch {
                return [.problem(check.subject, "cannot be examined: \(error)", remedy: "run warrensctl as root")]
            }
        }
    }
}
