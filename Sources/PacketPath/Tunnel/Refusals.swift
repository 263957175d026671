import Addressing
internal import Glibc
internal import Host

/// What becomes of packets that the kernel did not send.
struct Refusals: ~Copyable {
    private let sockets: TunnelSockets
    private let counters: CounterWriter
    /// The length of what stands before each packet, in bytes.
    private let framing: Int
    var errors: ErrorReply

    init(sockets: TunnelSockets, counters: CounterWriter, framing: Int, errors: consuming ErrorReply) {
        self.sockets = sockets
        self.counters = counters
        self.framing = framing
        self.errors = errors
    }

    /// The kernel did not take the datagram around `packet`. Where the path turned out to be narrower than we knew,
    /// the kernel has just told the socket how narrow, and the sender is told.
    ///
    /// Not inlined, for it is the exception.
    @inline(never)
    mutating func add(_ packet: PacketView, _ code: Int32, _ table: ForwardingTable) {
        if code == EMSGSIZE, let packet = InnerPacket(packet) {
            sockets.learnPathMTUs(table, counters: counters)
            let verdict = Outbound.decide(
                packet, longest: packet.bytes.count, framing: framing, table, now: monotonicSeconds())
            if case .reject(let reason, let error) = verdict {
                counters.drop(reason)
                errors.send(error, about: packet, table)
                return
            }
        }
        counters.drop(.sendFailed)
    }
}
