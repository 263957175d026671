/// Memory for packets, used by one thread. The kernel gives pages only to what is touched.
@safe
struct PacketMemory: ~Copyable {
    /// Room for the longest IP packet and what the kernel says about it.
    static let longestFrame = 65536 + 64

    /// All of it.
    let view: PacketView

    init(bytes: Int) {
        // Sound: the block lives as long as this value, whose owner lets no view of it outlive that.
        unsafe view = PacketView(.allocate(byteCount: bytes, alignment: 4096), count: bytes)
    }

    deinit {
        unsafe view.start.deallocate()
    }
}
