import Addressing
internal import Host

/// The UDP sockets of one pair of threads: on the tunnel's port, one for each outer family that the kernel has.
struct TunnelSockets: Sendable {
    let v4: TunnelSocket?
    let v6: TunnelSocket?
    /// Sockets on other ports that only send, of each family; empty where all leaves from the tunnel's port.
    let senders: [TunnelSocket]
    /// Signalled when the network has reported a path MTU that was not known.
    private let learned: Event?

    /// - Parameters:
    ///   - isShared: Whether further pairs of threads receive on the same port.
    ///   - learned: To signal when the network has reported a path MTU that was not known.
    init(port: UInt16, options: TunOptions, isShared: Bool, learned: Event) throws(SystemError) {
        let role = TunnelSocket.Role.tunnel(port: port, joins: options.batches, isShared: isShared)
        v4 = try TunnelSocket(.v4, role)
        v6 = try TunnelSocket(.v6, role)
        var senders: [TunnelSocket] = []
        if options.hashesSourcePorts {
            for _ in 0..<SourcePorts.count {
                for family in [IPFamily.v4, .v6] {
                    if let sender = try TunnelSocket(family, .sender) { senders.append(sender) }
                }
            }
        }
        self.senders = senders
        self.learned = learned
    }

    private init() {
        v4 = nil
        v6 = nil
        senders = []
        learned = nil
    }

    /// Nothing can be sent or received.
    static var none: TunnelSockets { TunnelSockets() }

    /// Notes the path MTUs that the network has reported.
    func learnPathMTUs(_ table: ForwardingTable, counters: CounterWriter) {
        let now = monotonicSeconds()
        let learn = { (destination: AddressKey, mtu: Int) in
            guard table.path(to: destination)?.learn(mtu, now: now) == true else { return }
            counters.add(.pathMTUChanges)
            learned?.signal()
        }
        v4?.drainErrors(learn)
        v6?.drainErrors(learn)
        for sender in senders { sender.drainErrors(learn) }
    }
}
