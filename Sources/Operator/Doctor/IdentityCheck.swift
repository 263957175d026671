import Addressing
import Overlay

/// Settings and identity: can this node give itself subnets?
struct IdentityCheck: Check {
    let subject = "identity"
    let facts: NodeFacts

    func findings() -> [Finding] {
        guard let node = facts.node else {
            return [
                .problem(
                    subject, told: facts.nodeError ?? "this node has none", otherwise: "systemd-machine-id-setup")
            ]
        }
        let subnets = node.subnets.map(\.description).joined(separator: ", ")
        var findings = [Finding.good(subject, "\(node.name), id \(node.nodeID), subnets \(subnets)")]
        if let unpublished = facts.unpublished {
            findings.append(.problem(subject, unpublished.problem, remedy: unpublished.remedy))
        }
        findings += node.missingFamilies.map {
            .notice(
                subject, "this kernel has no \($0); pods get none",
                remedy: "boot without ipv6.disable=1 if pods need it")
        }
        findings += node.draining.map {
            .notice(
                subject, "the earlier subnet \($0) is draining: pods still use it",
                remedy: "restart those pods when it suits")
        }
        return findings
    }
}
