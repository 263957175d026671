internal import SyscallShim

/// What one receive call brought. Owned and used by one thread.
@safe
struct IncomingBatch: ~Copyable {
    /// Receives at once. Each may hold 64 KB, and what is still in the processor's cache is cheaper to hand on.
    private static let receives = 16
    private static let room = 65536

    private let memory: PacketMemory
    private let slots: UnsafeMutablePointer<warrens_received>
    private let limit: Int
    private(set) var count = 0
    /// Whether more may wait.
    var isFull: Bool { count == limit }

    /// - Parameter isSingle: True takes one datagram for each call.
    init(isSingle: Bool) {
        limit = isSingle ? 1 : Self.receives
        memory = PacketMemory(bytes: limit * Self.room)
        // Sound: freed with this value, and indexed below `limit`.
        unsafe slots = .allocate(capacity: limit)
        unsafe slots.initialize(repeating: warrens_received(), count: limit)
    }

    deinit {
        unsafe slots.deallocate()
    }

    @inline(__always)
    private func room(_ index: Int) -> PacketView {
        memory.view.suffix(from: index * Self.room).prefix(Self.room)
    }

    /// No bytes at all.
    var nothing: PacketView { memory.view.prefix(0) }

    /// Receives what waits.
    @inline(__always)
    mutating func receive(on socket: TunnelSocket) {
        for index in 0..<limit {
            unsafe slots[index].bytes = room(index).start
            unsafe slots[index].length = UInt32(Self.room)
        }
        count = unsafe socket.receive(slots, count: limit)
    }

    /// One receive: a datagram, or several of one sender and one traffic class that follow each other in `bytes`.
    struct Received {
        let source: AddressKey
        let trafficClass: UInt8
        let bytes: PacketView
        /// The length of each datagram but the last.
        let datagramLength: Int
        let isTruncated: Bool

        /// True where the kernel joined datagrams, for which it has verified their checksums.
        var isJoined: Bool {
            @inline(__always) get { bytes.count > datagramLength }
        }
    }

    @inline(__always)
    subscript(index: Int) -> Received {
        precondition(index >= 0 && index < count)
        let slot = unsafe slots[index]
        let source = unsafe withUnsafeBytes(of: slot.address) { unsafe AddressKey(networkOrder: $0) }
        let length = min(Int(unsafe slot.length), Self.room)
        return unsafe Received(
            source: source, trafficClass: slot.traffic_class, bytes: room(index).prefix(length),
            datagramLength: slot.segment > 0 ? Int(slot.segment) : max(length, 1), isTruncated: slot.truncated != 0)
    }
}
