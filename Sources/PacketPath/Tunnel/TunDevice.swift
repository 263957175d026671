internal import Glibc
internal import Host
internal import SyscallShim

/// One queue of the node's tunnel device: a persistent layer-3 TUN device, which keeps its addresses and routes while
/// no daemon runs. Each packet has a ``VirtualHeader`` before it, both ways.
final class TunDevice: Sendable {
    private let file: OwnedDescriptor
    /// The kernel hands over TCP super-packets, and packets whose checksum is not computed.
    let hasTCPSegmentation: Bool
    /// It does so for UDP as well, and takes UDP super-packets (Linux 6.2).
    let hasUDPSegmentation: Bool

    /// Opens the device, which is made where it is missing.
    ///
    /// - Parameter offload: Whether to ask the kernel for super-packets.
    init(name: String, offload: Bool = true) throws(SystemError) {
        var offloads: Int32 = 0
        do throws(SystemError) {
            file = OwnedDescriptor(
                owning: try retrying("open tunnel device", name) {
                    unsafe warrens_open_tun(name, offload ? 1 : 0, &offloads)
                })
        } catch {
            switch error.code {
            case ENOENT, ENODEV, ENXIO:
                throw SystemError(
                    error.operation, name, code: error.code,
                    detail: "the kernel has no /dev/net/tun: load the module tun, or give the container that device")
            case EBUSY:
                throw SystemError(
                    error.operation, name, code: error.code, detail: "another program holds a device of this name")
            case EINVAL:
                throw SystemError(
                    error.operation, name, code: error.code,
                    detail: "a device of this name exists and is not ours: remove it with `ip link delete \(name)`")
            default: throw error
            }
        }
        hasTCPSegmentation = offloads & Int32(WARRENS_TUN_TCP_SEGMENTATION) != 0
        hasUDPSegmentation = offloads & Int32(WARRENS_TUN_UDP_SEGMENTATION) != 0
    }

    /// A device that is none: `file` takes what is written, without a word of what it is.
    init(standIn file: consuming OwnedDescriptor) {
        self.file = file
        hasTCPSegmentation = true
        hasUDPSegmentation = true
    }

    /// For the threads that use the device.
    var port: TunPort { TunPort(descriptor: file.raw, hasUDPSegmentation: hasUDPSegmentation) }
}

/// The way to a ``TunDevice`` for threads, which have to keep it. Copying it counts no reference.
struct TunPort: BitwiseCopyable {
    let descriptor: Int32
    /// ``TunDevice/hasUDPSegmentation``.
    let hasUDPSegmentation: Bool

    enum ReadResult {
        /// A virtual header and the packet behind it.
        case frame(PacketView)
        /// Nothing waits.
        case empty
        /// The device was removed.
        case gone
    }

    /// Takes the next packet that the kernel routed into the device.
    @inline(__always)
    func read(into room: PacketView) -> ReadResult {
        while true {
            // Sound: the kernel writes at most `count` bytes.
            let length = unsafe Glibc.read(descriptor, room.start, room.count)
            if length > VirtualHeader.size { return .frame(room.prefix(length)) }
            if length >= 0 { return .empty }
            switch errno {
            case EINTR: continue
            case EAGAIN: return .empty
            default: return .gone
            }
        }
    }

    /// Gives a packet to the kernel as if it had arrived on the device.
    ///
    /// - Parameter parts: A virtual header and the packet, gathered from `count` places.
    /// - Returns: False where the kernel did not take it: the device is down, or memory is short.
    @inline(__always)
    @unsafe
    func write(_ parts: UnsafePointer<iovec>, count: Int) -> Bool {
        while true {
            if unsafe writev(descriptor, parts, Int32(truncatingIfNeeded: count)) >= 0 { return true }
            if errno != EINTR { return false }
        }
    }
}
