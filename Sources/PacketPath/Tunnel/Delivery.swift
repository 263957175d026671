internal import Glibc

/// A packet on its way to the tunnel device, gathered from where its parts are. Owned and used by one thread.
@safe
struct Delivery: ~Copyable {
    /// A header of the kernel's, and the packets that one receive can hold.
    private static let partCapacity = 256

    private let header = PacketMemory(bytes: VirtualHeader.size)
    private let parts: UnsafeMutablePointer<iovec>
    private var partCount = 1

    init() {
        // Sound: freed with this value, indexed below its capacity, and each part is written before it is counted.
        unsafe parts = .allocate(capacity: Self.partCapacity)
        unsafe parts.initialize(to: iovec(iov_base: header.view.start, iov_len: VirtualHeader.size))
    }

    deinit {
        unsafe parts.deallocate()
    }

    var hasRoom: Bool {
        @inline(__always) get { partCount < Self.partCapacity }
    }

    /// Adds bytes, which must stay as they are until ``write(to:_:)``. There must be room.
    @inline(__always)
    mutating func append(_ bytes: PacketView) {
        precondition(hasRoom)
        unsafe (parts + partCount).initialize(to: iovec(iov_base: bytes.start, iov_len: bytes.count))
        partCount += 1
    }

    /// Forgets what was added.
    mutating func clear() { partCount = 1 }

    /// Writes what was added as one packet, and begins anew.
    ///
    /// - Returns: False where the kernel did not take it.
    @inline(__always)
    mutating func write(to device: TunPort, _ description: VirtualHeader) -> Bool {
        description.write(to: header.view)
        // Sound: the parts point to what the caller keeps until now.
        let isTaken = unsafe device.write(parts, count: partCount)
        partCount = 1
        return isTaken
    }

    /// Writes one packet.
    @inline(__always)
    mutating func write(_ packet: PacketView, to device: TunPort, _ description: VirtualHeader = .plain) -> Bool {
        append(packet)
        return write(to: device, description)
    }
}
