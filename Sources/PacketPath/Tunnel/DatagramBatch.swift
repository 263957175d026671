internal import SyscallShim

/// The datagrams of one send or receive call. Owned and used by one thread.
@safe
struct DatagramBatch: ~Copyable {
    static let capacity = Int(WARRENS_DATAGRAM_BATCH)
    /// After how many batches a loop looks again at what else there is to do.
    static let batchesPerWait = 8

    private let slots: UnsafeMutablePointer<warrens_datagram>
    /// To whom each datagram goes; the table that the batch was filled from keeps what they point at alive.
    private let receivers: UnsafeMutablePointer<ForwardingTable.Peer>
    private(set) var count = 0
    var isFull: Bool { count == Self.capacity }

    init() {
        // Sound: freed with this value, and indexed below the capacity.
        unsafe slots = .allocate(capacity: Self.capacity)
        unsafe slots.initialize(repeating: warrens_datagram(), count: Self.capacity)
        // Each is written before it is read: `append` does so before it counts a datagram.
        unsafe receivers = .allocate(capacity: Self.capacity)
    }

    deinit {
        unsafe slots.deallocate()
        unsafe receivers.deallocate()
    }

    /// Adds a datagram to send. The packet's bytes must stay as they are until ``send(on:refused:)``.
    @inline(__always)
    mutating func append(_ packet: PacketView, to peer: ForwardingTable.Peer, trafficClass: UInt8) {
        precondition(count < Self.capacity)
        unsafe slots[count].bytes = packet.start
        unsafe slots[count].length = UInt32(truncatingIfNeeded: packet.count)
        unsafe slots[count].port = peer.port
        unsafe slots[count].traffic_class = trafficClass
        unsafe withUnsafeMutableBytes(of: &slots[count].address) { unsafe peer.endpoint.write(networkOrder: $0) }
        unsafe (receivers + count).initialize(to: peer)
        count += 1
    }

    /// Sends all datagrams, counts them for their receivers and empties the batch. `refused` hears of each that the kernel does not take.
    ///
    /// - Returns: How many datagrams the kernel took, and their bytes.
    @inline(__always)
    mutating func send(
        on socket: TunnelSocket, refused: (_ packet: PacketView, _ error: Int32) -> Void
    ) -> (packets: Int, bytes: Int) {
        var total = (packets: 0, bytes: 0)
        var done = 0
        var retried = false
        while done < count {
            let (sent, error) = unsafe socket.send(slots + done, count: count - done)
            if sent > 0 {
                for index in done..<done + sent {
                    let length = Int(unsafe slots[index].length)
                    total.bytes += length
                    unsafe receivers[index].state.countSent(bytes: length)
                }
                total.packets += sent
                done += sent
                retried = false
            } else if !retried {
                // The first error may belong to an earlier datagram: an ICMP error that the socket had yet to report.
                retried = true
            } else {
                unsafe refused(PacketView(slots[done].bytes, count: Int(slots[done].length)), error)
                done += 1
                retried = false
            }
        }
        count = 0
        return total
    }

    /// Receives as many datagrams as wait, into `buffers`.
    @inline(__always)
    mutating func receive(on socket: TunnelSocket, into buffers: PacketBuffers) {
        for index in 0..<Self.capacity {
            let room = buffers[index]
            unsafe slots[index].bytes = room.start
            unsafe slots[index].length = UInt32(truncatingIfNeeded: room.count)
        }
        count = unsafe socket.receive(slots, count: Self.capacity)
    }

    /// A received datagram.
    @inline(__always)
    subscript(index: Int) -> (source: AddressKey, trafficClass: UInt8, length: Int, isTruncated: Bool) {
        precondition(index >= 0 && index < count)
        let source = unsafe withUnsafeBytes(of: slots[index].address) { unsafe AddressKey(networkOrder: $0) }
        return unsafe (
            source, slots[index].traffic_class, Int(slots[index].length), slots[index].truncated != 0
        )
    }
}
