internal import SyscallShim

/// What the kernel says about a packet of the tunnel device, and what we say of one that we write: which checksum is
/// still to be computed, and into what lengths a super-packet is to be cut (virtio specification section 5.1.6.2,
/// linux/virtio_net.h).
struct VirtualHeader {
    /// Bytes before each packet. Its numbers are in host byte order.
    static let size = MemoryLayout<warrens_virtual_header>.size

    /// What a super-packet is cut into.
    enum Segmentation {
        case tcpV4, tcpV6, udp
    }

    private var raw: warrens_virtual_header

    /// Nothing to do: a packet as it is.
    static var plain: VirtualHeader { VirtualHeader(raw: warrens_virtual_header()) }

    private init(raw: warrens_virtual_header) { self.raw = raw }

    /// A packet whose transport checksum holds no more than the sum of its pseudo-header.
    ///
    /// - Parameters:
    ///   - start: Where the transport header begins, in bytes from the IP header.
    ///   - offset: Where the checksum is in it.
    init(partialChecksumFrom start: Int, at offset: Int) {
        raw = warrens_virtual_header(
            flags: Self.needsChecksum, segmentation: 0, header_length: 0, segment_size: 0,
            checksum_start: UInt16(truncatingIfNeeded: start), checksum_offset: UInt16(truncatingIfNeeded: offset))
    }

    /// A super-packet with headers of `headerLength` bytes, to be cut after each `segmentSize` bytes of payload.
    init(
        _ segmentation: Segmentation, headerLength: Int, segmentSize: Int, checksumFrom start: Int, at offset: Int
    ) {
        self.init(partialChecksumFrom: start, at: offset)
        raw.segmentation =
            switch segmentation {
            case .tcpV4: Self.tcpV4
            case .tcpV6: Self.tcpV6
            case .udp: Self.udp
            }
        raw.header_length = UInt16(truncatingIfNeeded: headerLength)
        raw.segment_size = UInt16(truncatingIfNeeded: segmentSize)
    }

    /// Reads the header at the start of what the device gave us, which is at least ``size`` bytes long.
    @inline(__always)
    init(reading frame: PacketView) {
        let frame = frame.prefix(Self.size)
        raw = warrens_virtual_header(
            flags: frame[0], segmentation: frame[1], header_length: frame.load(UInt16.self, at: 2).bigEndian,
            segment_size: frame.load(UInt16.self, at: 4).bigEndian,
            checksum_start: frame.load(UInt16.self, at: 6).bigEndian,
            checksum_offset: frame.load(UInt16.self, at: 8).bigEndian)
    }

    /// Writes the header to the start of `room`.
    @inline(__always)
    func write(to room: PacketView) { room.store(record: raw) }

    /// Where the checksum that is still to be completed begins to count, and where it stands, both in bytes from the IP
    /// header; nil where it is complete.
    var partialChecksum: (start: Int, field: Int)? {
        @inline(__always) get {
            guard raw.flags & Self.needsChecksum != 0 else { return nil }
            return (Int(raw.checksum_start), Int(raw.checksum_start) + Int(raw.checksum_offset))
        }
    }

    /// True for a super-packet.
    var isSegmented: Bool {
        @inline(__always) get { raw.segmentation != 0 }
    }

    /// How to cut a super-packet; nil for a kind that we never asked for.
    var segmentation: Segmentation? {
        @inline(__always) get {
            switch raw.segmentation & ~Self.congestionBit {
            case Self.tcpV4: .tcpV4
            case Self.tcpV6: .tcpV6
            case Self.udp: .udp
            default: nil
            }
        }
    }

    /// The payload of each segment but the last, in bytes.
    var segmentSize: Int {
        @inline(__always) get { Int(raw.segment_size) }
    }

    /// VIRTIO_NET_HDR_F_* and VIRTIO_NET_HDR_GSO_*.
    private static let needsChecksum: UInt8 = 1
    private static let tcpV4: UInt8 = 1
    private static let tcpV6: UInt8 = 4
    private static let udp: UInt8 = 5
    private static let congestionBit: UInt8 = 0x80
}
