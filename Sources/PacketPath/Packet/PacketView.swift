internal import Glibc

/// The bytes of one packet in a buffer that someone else owns. Numbers in it are in network byte order.
///
/// Every access is checked against ``count``, so a parser's mistake is a trap and never a read outside of the packet; but
/// for ``loadUnchecked(_:at:)`` and its like, each use of which says what makes it sound.
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

    /// Reads a number at `offset` without a look at ``count``, for headers whose length has been checked once: the
    /// compiler cannot know what a type guarantees of its packet. Debug builds look all the same.
    @unsafe
    @inline(__always)
    func loadUnchecked<Number: FixedWidthInteger & BitwiseCopyable>(_ type: Number.Type, at offset: Int) -> Number {
        assert(offset >= 0 && offset <= count - MemoryLayout<Number>.size)
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
        return unsafe PacketView(base + offset, count: count &- offset)
    }

    /// Writes a number at `offset` as ``loadUnchecked(_:at:)`` reads one.
    @unsafe
    @inline(__always)
    func storeUnchecked<Number: FixedWidthInteger & BitwiseCopyable>(_ number: Number, at offset: Int) {
        assert(offset >= 0 && offset <= count - MemoryLayout<Number>.size)
        unsafe base.storeBytes(of: number.bigEndian, toByteOffset: offset, as: Number.self)
    }

    /// Writes a record of the machine's own byte order to the start.
    @inline(__always)
    func store<Record: BitwiseCopyable>(record: Record) {
        precondition(MemoryLayout<Record>.size <= count)
        unsafe base.storeBytes(of: record, as: Record.self)
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
            // Summed as halves of the machine's own words: byte order matters to the result alone (RFC 1071 section 2 (B)). Plain
            // pointers, because a check of bounds for each word would keep the compiler from using vectors.
            var (low, high): (UInt64, UInt64) = (0, 0)
            let words = count &>> 3
            for index in 0..<words {
                let word = unsafe base.loadUnaligned(fromByteOffset: index &* 8, as: UInt64.self)
                low &+= word & 0xffff_ffff
                high &+= word >> 32
            }
            var sum = UInt64(Checksum.fold(low &+ high).bigEndian)
            var offset = words &* 8
            while offset < count {
                sum &+= UInt64(self[offset]) &<< (offset & 1 == 0 ? 8 : 0)
                offset &+= 1
            }
            return Checksum.fold(sum)
        }
    }

    /// ``sum`` of many bytes, or of a number of them that the compiler cannot know. Not inlined, which lets the compiler
    /// place and align the loop for what it is, the dearest of all.
    var longSum: UInt16 {
        @inline(never) get { sum }
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
