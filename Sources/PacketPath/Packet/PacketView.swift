internal import Glibc

/// The bytes of one packet in a buffer that someone else owns. Numbers in it are in network byte order.
///
/// Every access is checked against ``count``, so a parser's mistake is a trap and never a read outside of the packet.
/// Sound as long as the buffer lives: views are made by the datapath's threads over buffers that live as long as they.
@safe
struct PacketView {
    private let base: UnsafeMutableRawPointer
    let count: Int

    /// A view of the first `count` bytes at `base`, which must stay valid and unshared while the view is in use.
    @inline(__always)
    init(_ base: UnsafeMutableRawPointer, count: Int) {
        unsafe self.base = base
        self.count = count
    }

    subscript(offset: Int) -> UInt8 {
        @inline(__always) get {
            precondition(offset >= 0 && offset < count)
            return unsafe base.load(fromByteOffset: offset, as: UInt8.self)
        }
        @inline(__always) nonmutating set {
            precondition(offset >= 0 && offset < count)
            unsafe base.storeBytes(of: newValue, toByteOffset: offset, as: UInt8.self)
        }
    }

    /// Reads a number at `offset`.
    @inline(__always)
    func load<Number: FixedWidthInteger & BitwiseCopyable>(_ type: Number.Type, at offset: Int) -> Number {
        precondition(offset >= 0 && offset <= count - MemoryLayout<Number>.size)
        return Number(bigEndian: unsafe base.loadUnaligned(fromByteOffset: offset, as: type))
    }

    /// Writes a number at `offset`.
    @inline(__always)
    func store<Number: FixedWidthInteger & BitwiseCopyable>(_ number: Number, at offset: Int) {
        precondition(offset >= 0 && offset <= count - MemoryLayout<Number>.size)
        unsafe base.storeBytes(of: number.bigEndian, toByteOffset: offset, as: Number.self)
    }

    /// The first `length` bytes.
    @inline(__always)
    func prefix(_ length: Int) -> PacketView {
        precondition(length >= 0 && length <= count)
        return unsafe PacketView(base, count: length)
    }

    /// The bytes from `offset` on.
    @inline(__always)
    func suffix(from offset: Int) -> PacketView {
        precondition(offset >= 0 && offset <= count)
        return unsafe PacketView(base + offset, count: count - offset)
    }

    /// Copies the whole of `source` to `offset`; the two may not overlap.
    @inline(__always)
    func copy(_ source: PacketView, to offset: Int) {
        precondition(offset >= 0 && source.count <= count - offset)
        unsafe (base + offset).copyMemory(from: source.base, byteCount: source.count)
    }

    /// Sets `length` bytes at `offset` to zero.
    func clear(_ offset: Int, _ length: Int) {
        precondition(offset >= 0 && length >= 0 && length <= count - offset)
        unsafe (base + offset).initializeMemory(as: UInt8.self, repeating: 0, count: length)
    }

    /// The sum of the bytes as 16-bit words in one's complement (RFC 1071); an odd last byte is the high half of a word.
    var sum: UInt16 {
        @inline(__always) get {
            // Summed as the machine's own words: byte order matters to the result alone (RFC 1071 section 2 (B)). Plain
            // pointers, because a check of bounds for each word would keep the compiler from using vectors.
            var wide: UInt64 = 0
            let words = count / 4
            for index in 0..<words {
                wide &+= UInt64(unsafe base.loadUnaligned(fromByteOffset: index &* 4, as: UInt32.self))
            }
            var sum = UInt64(Checksum.fold(wide).bigEndian)
            for offset in words * 4..<count { sum += UInt64(self[offset]) << (offset & 1 == 0 ? 8 : 0) }
            return Checksum.fold(sum)
        }
    }

    /// True where both hold the same bytes.
    @inline(__always)
    func holdsSame(as other: PacketView) -> Bool {
        // Sound: both have `count` bytes.
        unsafe count == other.count && memcmp(base, other.base, count) == 0
    }

    /// For system calls: the kernel is told ``count`` and keeps to it.
    @unsafe
    var start: UnsafeMutableRawPointer { unsafe base }
}
