internal import Glibc
package import Host
internal import SyscallShim

/// One queue of the node's tunnel device: a persistent layer-3 TUN device, which keeps its addresses and routes while
/// no daemon runs.
package final class TunDevice: Sendable {
    private let file: OwnedDescriptor
    var descriptor: Int32 { file.raw }

    /// Opens the device, which is made where it is missing.
    package init(name: String) throws(SystemError) {
        do throws(SystemError) {
            file = OwnedDescriptor(owning: try retrying("open tunnel device", name) { unsafe warrens_open_tun(name) })
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
    }

    enum ReadResult {
        case packet(PacketView)
        /// Nothing waits.
        case empty
        /// The device was removed.
        case gone
    }

    /// Takes the next packet that the kernel routed into the device.
    @inline(__always)
    func read(into buffer: PacketView) -> ReadResult {
        while true {
            // Sound: the kernel writes at most `count` bytes.
            let length = unsafe Glibc.read(file.raw, buffer.start, buffer.count)
            if length > 0 { return .packet(buffer.prefix(length)) }
            if length == 0 { return .empty }
            switch errno {
            case EINTR: continue
            case EAGAIN: return .empty
            default: return .gone
            }
        }
    }

    /// Gives a packet to the kernel as if it had arrived on the device.
    ///
    /// - Returns: False where the kernel did not take it: the device is down, or memory is short.
    @inline(__always)
    func write(_ packet: PacketView) -> Bool {
        while true {
            // Sound: the kernel reads `count` bytes.
            if unsafe Glibc.write(file.raw, packet.start, packet.count) >= 0 { return true }
            if errno != EINTR { return false }
        }
    }
}
