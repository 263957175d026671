import Host
import KernelPath
import Netlink
import Overlay

/// Does the datapath that is wanted run, on a kernel that can do it, and no other beside it?
struct DatapathCheck: Check {
    let subject = "datapath"
    let paths: NodePaths
    let settings: Settings
    /// Nil where `warrensd` gives none.
    let report: StatusReport?
    /// Nil where that cannot be found out.
    let abilities: KernelAbilities?

    func findings() -> [Finding] { kernel() + choice() + pins() + aggregation() }

    private func kernel() -> [Finding] {
        guard settings.datapath != .tun, let abilities else { return [] }
        if let obstacle = abilities.obstacle {
            let message = "this kernel cannot carry packets by eBPF: \(obstacle)"
            return settings.datapath == .ebpf
                ? [
                    .problem(
                        subject, message,
                        remedy: "use a kernel that has it, or set \"datapath\" to \"auto\" in \(paths.settings)")
                ] : [.notice(subject, "\(message); user space does it")]
        }
        let hooks = abilities.hasTCX ? "by tcx" : "as filters at clsact (tcx is in Linux since 6.6)"
        return [.good(subject, "this kernel can carry packets by eBPF, programs hang \(hooks)")]
            + abilities.missing.map {
                .notice(subject, "this kernel lacks \($0)", remedy: "nothing: user space does what needs it")
            }
    }

    private func choice() -> [Finding] {
        guard let report, settings.datapath.rawValue != report.datapath else { return [] }
        if settings.datapath == .auto {
            guard report.datapath == "tun", let abilities, abilities.obstacle == nil else { return [] }
            return [
                .notice(
                    subject, "user space carries packets, though this kernel can: \(report.datapathReason)",
                    remedy: "restart warrensd, once what it names is gone")
            ]
        }
        return [
            .problem(
                subject,
                "warrensd carries packets by \(report.datapath), and the settings say \(settings.datapath.rawValue)",
                remedy: "restart warrensd")
        ]
    }

    /// What keeps programs and maps from one `warrensd` to the next.
    private func pins() -> [Finding] {
        let fileSystem = BPFFileSystem(paths.pins)
        let isMounted = fileSystem.isMounted
        if report?.datapath == "ebpf", !isMounted {
            return [
                .problem(
                    subject, "no bpffs is mounted at \(paths.pins), so programs end with warrensd",
                    remedy: "restart warrensd, which mounts it")
            ]
        }
        let isUserSpace = report.map { $0.datapath == "tun" } ?? (settings.datapath == .tun)
        // The mount itself may be the container's, which cannot take it away.
        guard isMounted, isUserSpace, (try? fileSystem.pins())?.isEmpty != true else { return [] }
        return [
            .problem(
                subject, "programs of an earlier warrensd are still pinned at \(paths.pins), and carry packets",
                remedy: "restart warrensd, which takes them away")
        ]
    }

    private func aggregation() -> [Finding] {
        guard settings.aggregation == .gue else { return [] }
        do throws(SystemError) {
            _ = try FooOverUDP()
            return []
        } catch {
            return [
                .problem(
                    subject, "\"aggregation\" is \"gue\", and this kernel has no fou: \(error)",
                    remedy: "modprobe fou, or set \"aggregation\" to \"auto\" in \(paths.settings)")
            ]
        }
    }
}
