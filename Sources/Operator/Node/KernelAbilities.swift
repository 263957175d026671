import Glibc
import KernelPath

/// Whether this kernel can carry packets by eBPF, found out by trying.
struct KernelAbilities: CustomStringConvertible {
    /// Why it cannot; nil where it can.
    let obstacle: String?
    /// What it lacks that the datapath can do without, each with the reason.
    let missing: [String]
    /// Programs share a device's hooks without a queueing discipline.
    let hasTCX: Bool

    /// Nil for all but root, whom the kernel would not let try.
    init?() {
        guard geteuid() == 0 else { return nil }
        self.init(KernelProbe())
    }

    init(_ probe: KernelProbe) {
        obstacle = probe.obstacle.map { "\($0.feature): \($0.reason)" }
        missing = KernelProbe.Feature.allCases.filter { !KernelProbe.needed.contains($0) }.compactMap { feature in
            probe.missing[feature].map { "\(feature): \($0)" }
        }
        hasTCX = probe.has(.tcx)
    }

    var description: String {
        if let obstacle { return "eBPF is not possible: \(obstacle)" }
        let lacks = missing.isEmpty ? "" : "; without \(missing.joined(separator: "; "))"
        return "eBPF is possible, programs hang \(hasTCX ? "by tcx" : "as filters (clsact)")\(lacks)"
    }
}
