/// Room for a batch of packets, each of any length that IP has. The kernel gives memory only to what is touched.
@safe
final class PacketBuffers: Sendable {
    /// The longest IP packet, rounded up to whole pages.
    static let packetRoom = 65536

    private nonisolated(unsafe) let block: UnsafeMutableRawPointer
    private let count: Int

    init(count: Int) {
        self.count = count
        // Sound: views of the block are used by the owner's thread alone, which keeps this object for as long.
        unsafe block = .allocate(byteCount: count * Self.packetRoom, alignment: 4096)
    }

    deinit {
        unsafe block.deallocate()
    }

    /// The room for packet `index`.
    @inline(__always)
    subscript(index: Int) -> PacketView {
        precondition(index >= 0 && index < count)
        return unsafe PacketView(block + index * Self.packetRoom, count: Self.packetRoom)
    }
}
