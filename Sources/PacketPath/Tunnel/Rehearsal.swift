internal import Glibc
package import Host

/// Both directions of the user-space datapath on bytes in memory, without a device and without sockets: the loops that
/// `warrensd` runs, so that what they cost can be measured and what they do with hostile bytes can be tried.
///
/// What would be written to the tunnel device goes to /dev/null. What would be sent is refused by the kernel, and counted
/// as such, for want of a socket; a program that measures puts a function of its own in the place of `sendmmsg`.
package struct Rehearsal: ~Copyable {
    private let cell: TableCell
    private let counters = [Counters(), Counters()]
    private var outbound: OutboundLoop
    private var inbound: InboundLoop

    /// - Parameter seed: Of the tables' hashes.
    package init(
        _ plan: ForwardingPlan, _ options: TunOptions = TunOptions(), seed: UInt64 = .random(in: 0 ... .max)
    ) throws(SystemError) {
        let device = TunDevice(standIn: try OwnedDescriptor.open("/dev/null", O_RDWR))
        let alarm = try FramingAlarm()
        cell = TableCell(ForwardingDirectory(plan, seed: seed).table, readers: counters.count)
        outbound = OutboundLoop(
            device: device, sockets: .none, cell: cell, reader: 0, counters: counters[0], options: options)
        inbound = InboundLoop(
            device: device, sockets: .none, cell: cell, reader: 1, counters: counters[1], alarm: alarm,
            options: options)
    }

    /// What both directions have counted so far.
    package var totals: CounterTotals { CounterTotals(counters) }

    /// Carries packets as if they had been read from the tunnel device, one batch.
    ///
    /// - Parameters:
    ///   - frames: One after the other, each a virtual header (``VirtualHeader``) of 10 bytes and a packet, which may be
    ///     changed in place.
    ///   - length: The length of each frame but perhaps the last, in bytes, more than the 10 of its header.
    package mutating func send(_ frames: UnsafeMutableRawBufferPointer, each length: Int) {
        guard let bytes = unsafe PacketView(frames) else { return }
        cell.read(as: 0) { outbound.carry(Pieces(bytes, each: length), $0) }
    }

    /// Carries datagrams as if one call had received them.
    ///
    /// - Parameters:
    ///   - messages: One after the other, each what one receive brought: datagrams that the kernel has joined. They may be
    ///     changed in place.
    ///   - length: The length of each message but perhaps the last, in bytes.
    ///   - datagramLength: The length of each datagram in a message but perhaps the last, in bytes.
    ///   - source: Where they came from.
    ///   - trafficClass: The outer header's DSCP and ECN.
    package mutating func receive(
        _ messages: UnsafeMutableRawBufferPointer, each length: Int, datagramLength: Int, from source: AddressKey,
        trafficClass: UInt8 = 0
    ) {
        guard let bytes = unsafe PacketView(messages) else { return }
        let now = monotonicSeconds()
        cell.read(as: 1) { table in
            var pieces = Pieces(bytes, each: length)
            while let message = pieces.next() {
                inbound.carry(
                    IncomingBatch.Received(
                        source: source, trafficClass: trafficClass, bytes: message, datagramLength: datagramLength,
                        isTruncated: false),
                    table, now: now)
            }
        }
    }
}

/// Takes bytes apart.
struct Pieces {
    private var rest: PacketView
    private let length: Int

    /// - Parameter length: Of each piece but perhaps the last, at least 1.
    init(_ bytes: PacketView, each length: Int) {
        precondition(length > 0)
        rest = bytes
        self.length = length
    }

    /// The next piece, or nil at the end.
    @inline(__always)
    mutating func next() -> PacketView? {
        guard rest.count > 0 else { return nil }
        let piece = rest.prefix(min(length, rest.count))
        rest = rest.suffix(from: piece.count)
        return piece
    }
}

extension PacketView {
    /// Nil where there are no bytes.
    fileprivate init?(_ buffer: UnsafeMutableRawBufferPointer) {
        guard let start = buffer.baseAddress else { return nil }
        // Sound: the buffer is valid and nobody else's while the call lasts that it was given to.
        unsafe self.init(start, count: buffer.count)
    }
}
