import Glibc
import Host
import KernelEye
import Testing

@testable import KernelPath

@Suite(.enabled(if: getuid() == 0, "needs root, to load programs"))
struct KernelProbeTests {
    @Test func agreesWithTheVersion() throws {
        try TestNamespace.run {
            let probe = KernelProbe()
            var name = utsname()
            _ = unsafe uname(&name)
            let version = text(name.release).split { !$0.isNumber }.prefix(2).compactMap { Int($0) }
            let number = version[0] * 1000 + version[1]
            #expect(probe.has(.programs) && probe.has(.encapsulation), "\(probe.missing)")
            #expect(probe.has(.redirectToNeighbour) && probe.has(.redirectToPeer), "\(probe.missing)")
            #expect(probe.has(.tcx) == (number >= 6006), "\(probe.missing)")
            #expect(probe.missing.allSatisfy { $1.contains("since \($0.since)") && $1.contains("errno") })
            #expect(probe.has(.familyChange) == (number >= 6003), "\(probe.missing)")
        }
    }
}
