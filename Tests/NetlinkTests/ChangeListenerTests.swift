import Addressing
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
                (.routes, { try network.host.perform(.addRule(RoutingRule(family: .v6, priority: 99, table: 99))) }),
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
                // IPv6 has something to say of links and addresses at any time, while they come up.
                let quiet: Set<ChangeListener.Subject> = [.trafficControl, .packetFilters]
                let others = try ChangeListener(quiet.subtracting([subject]))
                while isReadable(listener) { listener.drain() }
                try change()
                #expect(isReadable(listener), "\(subject)")
                #expect(!isReadable(others), "\(subject)")
                guard quiet.contains(subject) else { continue }
                listener.drain()
                #expect(!isReadable(listener))
            }
            let all = try ChangeListener([.links, .routes, .trafficControl, .packetFilters])
            #expect(all.descriptors.count == 2, "the two protocols need a socket each")
        }
    }

    private func isReadable(_ listener: ChangeListener) -> Bool {
        Wait.forAny(listener.descriptors.map { ($0, Wait.readable) }, milliseconds: 200).contains { $0 != 0 }
    }
}
