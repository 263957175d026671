import Addressing
internal import Host

/// Tells the sender of a packet why it was not carried, through the device that it came from.
struct ErrorReply: ~Copyable {
    private let device: TunPort
    private let counters: CounterWriter
    private let memory = PacketMemory(bytes: ICMPError.maximumLengthV6)
    private var delivery = Delivery()
    /// An error for each lost packet would let a flood of packets become a flood of errors (RFC 4443 section 2.4 (f)).
    private var limit = RateLimit(rate: 200, burst: 64)

    init(device: TunPort, counters: CounterWriter) {
        self.device = device
        self.counters = counters
    }

    /// Not inlined, for it is the exception.
    @inline(never)
    mutating func send(_ reason: ICMPError.Reason, about packet: InnerPacket, _ table: ForwardingTable) {
        guard let source = packet.family == .v4 ? table.tunnelV4 : table.tunnelV6 else { return }
        guard limit.allow(now: monotonicNanoseconds()) else {
            counters.add(.errorsSuppressed)
            return
        }
        guard let length = ICMPError.write(reason, about: packet, from: source, into: memory.view) else { return }
        if delivery.write(memory.view.prefix(length), to: device) { counters.add(.errorsSent) }
    }
}
