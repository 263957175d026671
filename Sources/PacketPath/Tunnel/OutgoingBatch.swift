internal import Addressing
internal import Glibc
internal import SyscallShim

/// The datagrams of one outer family that one system call sends. Consecutive ones of one length to one peer share a
/// message, which the kernel splits again (UDP_SEGMENT): it walks its whole stack once for all of them.
///
/// Owned and used by one thread. Nothing is copied: a message is gathered from where its packets are, which must stay as
/// they are until ``send(on:_:)``.
@safe
struct OutgoingBatch: ~Copyable {
    private static let messageCapacity = Int(WARRENS_DATAGRAM_BATCH)
    /// Of headers of their own and payloads; the kernel gathers at most this many for one message (UIO_MAXIOV).
    private static let partCapacity = 1024
    /// Datagrams in one message: UDP_MAX_SEGMENTS of kernels before 6.9.
    private static let longestRun = 64
    /// What one message holds, in bytes: the longest UDP payload of IPv4 (the one of IPv6 is longer).
    private static let mostBytes = 65535 - 20 - 8

    private struct Message {
        var receiver: ForwardingTable.Peer
        var socket: Int32
        var firstPart: Int
        var datagrams: Int
        /// Parts of each datagram: all of one message are made alike.
        var partsEach: Int
        var bytes: Int
        /// The length of each datagram but perhaps the last.
        var segment: Int
        /// The last datagram was shorter: nothing may follow it.
        var isClosed: Bool
    }

    private let messages: UnsafeMutablePointer<Message>
    private let outgoing: UnsafeMutablePointer<warrens_outgoing>
    private let parts: UnsafeMutablePointer<iovec>
    private var count = 0
    private var partCount = 0
    /// Whether datagrams may share a message.
    private var joins: Bool
    /// The length of what stands before each packet, in bytes.
    private let framing: Int
    /// The ``FramingHeader`` for IPv4, then the one for IPv6.
    private let framingHeaders = PacketMemory(bytes: 2 * FramingHeader.length)

    var isEmpty: Bool { count == 0 }

    /// - Parameters:
    ///   - joins: False sends each datagram as a message of its own.
    ///   - framing: 0, or ``FramingHeader/length``: the header goes before each packet.
    init(joins: Bool, framing: Int) {
        self.joins = joins
        self.framing = framing
        framingHeaders.view.store(FramingHeader.value(.v4), at: 0)
        framingHeaders.view.store(FramingHeader.value(.v6), at: FramingHeader.length)
        // Sound: freed with this value, indexed below their capacity, and each element is written before it is counted.
        unsafe messages = .allocate(capacity: Self.messageCapacity)
        unsafe outgoing = .allocate(capacity: Self.messageCapacity)
        unsafe parts = .allocate(capacity: Self.partCapacity)
    }

    deinit {
        unsafe messages.deallocate()
        unsafe outgoing.deallocate()
        unsafe parts.deallocate()
    }

    /// Whether one more datagram has room.
    var hasRoom: Bool {
        @inline(__always) get { count < Self.messageCapacity && partCount <= Self.partCapacity - 2 }
    }

    /// Adds a packet as it is. There must be room.
    @inline(__always)
    mutating func append(_ packet: PacketView, to peer: ForwardingTable.Peer, trafficClass: UInt8, socket: Int32) {
        if framing != 0 {
            appendFramed(packet, to: peer, trafficClass: trafficClass, socket: socket)
            return
        }
        begin(packet.count, partsEach: 1, to: peer, trafficClass: trafficClass, socket: socket)
        add(packet)
    }

    /// A function of its own, because code for both framings in one slows the usual one down.
    @inline(never)
    private mutating func appendFramed(
        _ packet: PacketView, to peer: ForwardingTable.Peer, trafficClass: UInt8, socket: Int32
    ) {
        let header = framingHeaders.view.suffix(from: packet[0] >> 4 == 6 ? FramingHeader.length : 0)
            .prefix(FramingHeader.length)
        append(header, packet, to: peer, trafficClass: trafficClass, socket: socket)
    }

    /// Adds a packet whose headers, with what goes before them, and payload lie apart. There must be room.
    @inline(__always)
    mutating func append(
        _ headers: PacketView, _ payload: PacketView, to peer: ForwardingTable.Peer, trafficClass: UInt8, socket: Int32
    ) {
        begin(
            headers.count &+ payload.count, partsEach: 2, to: peer, trafficClass: trafficClass, socket: socket)
        add(headers)
        add(payload)
    }

    @inline(__always)
    private mutating func add(_ bytes: PacketView) {
        unsafe (parts + partCount).initialize(to: iovec(iov_base: bytes.start, iov_len: bytes.count))
        partCount &+= 1
    }

    /// Makes the last message one that the next `partsEach` parts belong to.
    @inline(__always)
    private mutating func begin(
        _ length: Int, partsEach: Int, to peer: ForwardingTable.Peer, trafficClass: UInt8, socket: Int32
    ) {
        precondition(hasRoom)
        if count > 0 {
            let last = unsafe messages + (count - 1)
            if unsafe joins && !last.pointee.isClosed && last.pointee.receiver.isSame(as: peer)
                && last.pointee.partsEach == partsEach && last.pointee.socket == socket
                && outgoing[count - 1].traffic_class == trafficClass && length <= last.pointee.segment
                && last.pointee.datagrams < Self.longestRun && last.pointee.bytes &+ length <= Self.mostBytes
            {
                unsafe last.pointee.datagrams &+= 1
                unsafe last.pointee.bytes &+= length
                unsafe last.pointee.isClosed = length < last.pointee.segment
                return
            }
        }
        unsafe (messages + count).initialize(
            to: Message(
                receiver: peer, socket: socket, firstPart: partCount, datagrams: 1, partsEach: partsEach, bytes: length,
                segment: length, isClosed: false))
        unsafe (outgoing + count).initialize(to: warrens_outgoing())
        unsafe outgoing[count].port = peer.port
        unsafe outgoing[count].traffic_class = trafficClass
        unsafe withUnsafeMutableBytes(of: &outgoing[count].address) { unsafe peer.endpoint.write(networkOrder: $0) }
        count &+= 1
    }

    /// What became of a batch.
    struct Outcome {
        var packets = 0
        var bytes = 0
        /// Messages of several datagrams.
        var segmented = 0
        /// Messages that the kernel could not split; from the first one on, no datagrams share a message.
        var unsplit = 0
    }

    /// Sends all datagrams, counts them for their receivers and empties the batch.
    ///
    /// - Parameters:
    ///   - isV6: The family of the messages' sockets.
    ///   - scratch: Room for one packet.
    ///   - refused: Hears of each packet that the kernel does not take, put together in `scratch`.
    @inline(__always)
    mutating func send(
        isV6: Bool, scratch: PacketView, refused: (_ packet: PacketView, _ error: Int32) -> Void
    ) -> Outcome {
        var outcome = Outcome()
        for index in 0..<count {
            let message = unsafe messages[index]
            unsafe outgoing[index].parts = UnsafePointer(parts + message.firstPart)
            unsafe outgoing[index].part_count = UInt32(truncatingIfNeeded: message.datagrams &* message.partsEach)
            unsafe outgoing[index].segment =
                message.datagrams > 1 ? UInt16(truncatingIfNeeded: message.segment) : 0
        }
        var done = 0
        var attempts = 1
        while done < count {
            let (sent, error) = transmit(from: done, isV6: isV6)
            if sent > 0 {
                for index in done..<done + sent { unsafe settle(messages[index], &outcome) }
                done += sent
                attempts = 1
            } else if attempts < Self.mostAttempts(error) {
                attempts += 1
            } else {
                sendApart(done, isV6: isV6, error, scratch, &outcome, refused)
                done += 1
                attempts = 1
            }
        }
        count = 0
        partCount = 0
        return outcome
    }

    /// How often to try a send that failed with this error, which may belong to an earlier datagram: the socket reports one
    /// ICMP message about each at the next send, whomever that one is for (linux: icmp_err_convert).
    private static func mostAttempts(_ error: Int32) -> Int {
        switch error {
        case ECONNREFUSED, EHOSTUNREACH, ENETUNREACH, EHOSTDOWN, ENONET, ENOPROTOOPT, EPROTO, EACCES: 16
        default: 2
        }
    }

    /// Sends messages from `first` on, as far as they leave by one socket.
    @inline(__always)
    private func transmit(from first: Int, isV6: Bool) -> (sent: Int, error: Int32) {
        let socket = unsafe messages[first].socket
        var end = first + 1
        while end < count, unsafe messages[end].socket == socket { end += 1 }
        // Sound: the messages point to parts of this batch, and those to packets that their owner keeps until now.
        let sent = unsafe warrens_send(
            socket, isV6 ? 1 : 0, outgoing + first, Int32(truncatingIfNeeded: end - first))
        return sent < 0 ? (0, errno) : (Int(sent), 0)
    }

    @inline(__always)
    private func settle(_ message: Message, _ outcome: inout Outcome) {
        outcome.packets &+= message.datagrams
        let bytes = message.bytes &- message.datagrams &* framing
        outcome.bytes &+= bytes
        if message.datagrams > 1 { outcome.segmented &+= 1 }
        message.receiver.countSent(packets: message.datagrams, bytes: bytes)
    }

    /// Sends the datagrams of a message that the kernel refused one by one: some may pass, and each of the others has
    /// to be answered for.
    private mutating func sendApart(
        _ index: Int, isV6: Bool, _ error: Int32, _ scratch: PacketView, _ outcome: inout Outcome,
        _ refused: (_ packet: PacketView, _ error: Int32) -> Void
    ) {
        let message = unsafe messages[index]
        if error == EIO, message.datagrams > 1 {
            // The device computes no checksums, without which the kernel does not split (linux: udp_send_skb).
            joins = false
            outcome.unsplit += 1
        }
        var single = unsafe outgoing[index]
        unsafe single.segment = 0
        unsafe single.part_count = UInt32(truncatingIfNeeded: message.partsEach)
        for datagram in 0..<message.datagrams {
            let first = message.firstPart + datagram * message.partsEach
            unsafe single.parts = UnsafePointer(parts + first)
            let packet = assemble(first, message.partsEach, scratch)
            let failure = unsafe message.datagrams > 1 ? Self.send(single, on: message.socket, isV6: isV6) : error
            if failure == 0 {
                outcome.packets += 1
                outcome.bytes += packet.count
                message.receiver.countSent(packets: 1, bytes: packet.count)
            } else {
                refused(packet, failure)
            }
        }
    }

    /// Sends one datagram.
    ///
    /// - Returns: 0, or why the kernel refused it.
    private static func send(_ datagram: warrens_outgoing, on socket: Int32, isV6: Bool) -> Int32 {
        var attempts = 1
        // Sound: as in `transmit`.
        while unsafe withUnsafePointer(to: datagram, { unsafe warrens_send(socket, isV6 ? 1 : 0, $0, 1) }) != 1 {
            let error = errno
            if attempts >= mostAttempts(error) { return error }
            attempts += 1
        }
        return 0
    }

    /// Puts a packet together from its parts, of which the first one begins with what is not the packet's. It may itself
    /// lie at the start of `room`.
    private func assemble(_ first: Int, _ partCount: Int, _ room: PacketView) -> PacketView {
        var length = 0
        for index in first..<first + partCount {
            let part = unsafe parts[index]
            guard let start = unsafe part.iov_base else { continue }
            let bytes = unsafe PacketView(start, count: part.iov_len).suffix(from: index == first ? framing : 0)
            room.copy(bytes, to: length)
            length += bytes.count
        }
        return room.prefix(length)
    }
}
