internal import Host
internal import Overlay

/// iptables' former kernel interface (xtables), whose rules cannot be edited by netlink.
enum LegacyFirewall {
    /// What an operator should know where its tables are in use here; nil where they are not.
    static func warning(bridge: String) -> String? {
        let tables = ["/proc/net/ip_tables_names", "/proc/net/ip6_tables_names"].filter { path in
            do throws(SystemError) {
                let names = try Files.readIfPresent(path) ?? []
                return String(decoding: names, as: UTF8.self).split(separator: "\n").contains("filter")
            } catch {
                return false
            }
        }
        if tables.isEmpty { return nil }
        return "iptables-legacy rules are in force, which warrens cannot edit: if their FORWARD chain drops, run "
            + "iptables-legacy -I FORWARD -i \(bridge) -j ACCEPT; "
            + "iptables-legacy -I FORWARD -o \(bridge) -i \(KernelNames.tunnelDevice) -j ACCEPT; "
            + "iptables-legacy -I FORWARD -o \(bridge) -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT "
            + "(and the same with ip6tables-legacy)"
    }
}
