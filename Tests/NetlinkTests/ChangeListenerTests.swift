import Glibc
import Host
import KernelEye
import Netlink
import Testing

@Suite(.enabled(if: getuid() == 0, "needs root, to make network namespaces"))
struct ChangeListenerTests {
    @Test func tellsOfWhatItWasAskedFor() throws {
        try TestNamespace.run {
            let network = try PodNetwork()
            let listeners: [(subject: ChangeListener.Subject, change: () throws -> Void)] = [
                (.links, { try network.host.perform(.changeLink(network.port, LinkChange(mtu: 1350))) }),
                (.trafficControl, { try network.host.perform(.addHooks(to: network.port)) }),
                (
                    .trafficControl,
                    {
                        let program = try TestProgram.load(named: "test")
                        try network.host.perform(
                            .replaceProgram(program.raw, name: "test", on: network.port, .ingress, priority: 1))
                    }
                ),
                (.packetFilters, { try Nftables().commit([.addTable(NftablesTable(.inet, "test"))]) }),
            ]
            for (subject, change) in listeners {
                let listener = try ChangeListener([subject])
                let others = try ChangeListener(
                    Set<ChangeListener.Subject>([.links, .trafficControl, .packetFilters]).subtracting([subject]))
                // Coming up, IPv6 may still have something to say about the links.
                while isReadable(listener) || isReadable(others) {
                    listener.drain()
                    others.drain()
                }
                try change()
                #expect(isReadable(listener), "\(subject)")
                if subject != .links { #expect(!isReadable(others), "\(subject)") }
                listener.drain()
                #expect(!isReadable(listener))
            }
            let all = try ChangeListener([.links, .trafficControl, .packetFilters])
            #expect(all.descriptors.count == 2, "the two protocols need a socket each")
        }
    }

    private func isReadable(_ listener: ChangeListener) -> Bool {
        Wait.forAny(listener.descriptors.map { ($0, Wait.readable) }, milliseconds: 200).contains { $0 != 0 }
    }
}
