import Addressing
package import Host

/// The tunnel's UDP sockets: one for each outer family that the kernel has.
package struct TunnelSockets: Sendable {
    let v4: TunnelSocket?
    let v6: TunnelSocket?

    package init(port: UInt16) throws(SystemError) {
        v4 = try TunnelSocket(.v4, port: port)
        v6 = try TunnelSocket(.v6, port: port)
    }

    /// Notes the path MTUs that the network has reported.
    func learnPathMTUs(_ table: ForwardingTable, counters: Counters) {
        let now = monotonicSeconds()
        let learn = { (destination: AddressKey, mtu: Int) in
            if table.path(to: destination)?.learn(mtu, now: now) == true { counters.add(.pathMTUChanges) }
        }
        v4?.drainErrors(learn)
        v6?.drainErrors(learn)
    }
}
