import Addressing
import Host
import Netlink
import Overlay

/// Does the host pass packets on?
struct ForwardingCheck: Check {
    let subject = "forwarding"
    let facts: NodeFacts

    func findings() throws -> [Finding] {
        let families = facts.node?.subnets.map(\.family) ?? []
        var findings: [Finding] = []
        if families.contains(.v4) { findings.append(try forwarding(.v4, "net.ipv4.ip_forward")) }
        if families.contains(.v6) { findings.append(try forwarding(.v6, "net.ipv6.conf.all.forwarding")) }
        return findings + reversePath() + bridgeFilter()
    }

    private func forwarding(_ family: IPFamily, _ setting: String) throws(SystemError) -> Finding {
        if try Sysctl.read(setting) == "1" { return .good(subject, "\(family) forwarding is on") }
        if facts.attachments == 0 {
            return .notice(subject, "\(family) forwarding is off (\(setting)=0); the first pod turns it on")
        }
        return .problem(
            subject, "\(family) forwarding is off (\(setting)=0), so that no packet leaves this node's pods",
            remedy: "sysctl -w \(setting)=1, and see which file below /etc/sysctl.d turns it off")
    }

    /// The stricter of the setting for all devices and the device's own is in force (ip-sysctl.rst).
    private func reversePath() -> [Finding] {
        guard let device = try? Sysctl.read("net", "ipv4", "conf", KernelNames.tunnelDevice, "rp_filter"),
            let all = try? Sysctl.read("net.ipv4.conf.all.rp_filter"), max(device, all) == "1"
        else { return [] }
        return [
            .problem(
                "rp_filter", "strict reverse path filtering drops what arrives on \(KernelNames.tunnelDevice)",
                remedy: "sysctl -w net.ipv4.conf.\(KernelNames.tunnelDevice).rp_filter=2")
        ]
    }

    private func bridgeFilter() -> [Finding] {
        guard (try? Sysctl.read("net.bridge.bridge-nf-call-iptables")) == "1" else { return [] }
        return [.good("br_netfilter", "bridged traffic passes the host's firewall, as Kubernetes wants it")]
    }
}
