internal import Glibc
public import Host
internal import NetlinkShim

/// What drivers can do for eBPF programs before the kernel makes packets (XDP), by the family `netdev` of generic netlink
/// (Linux 6.3).
///
/// Not for use by two threads at once.
public final class DriverXDP {
    private let kernel: GenericFamily

    /// linux/netdev.h, which older systems lack.
    private enum Number {
        static let getDevice = 1
        static let index = 1
        static let features = 3
        /// Pass, drop, and send back: what every driver with native XDP can do.
        static let basic: UInt64 = 1
    }

    /// Opens it in the network namespace in which the calling thread is.
    ///
    /// - Throws: ENOENT where the kernel lacks it.
    public init() throws(SystemError) {
        kernel = try GenericFamily(
            "netdev", version: 1, remedy: "use Linux 6.3 or a later one")
    }

    /// Whether a device's driver runs programs itself.
    ///
    /// - Throws: ENODEV where there is no such device.
    public func isNative(_ index: Int32) throws(SystemError) -> Bool {
        let message = kernel.message(Number.getDevice)
        message.put(Number.index, UInt32(bitPattern: index))
        let request = Request(operation: "get XDP features", subject: "of index \(index)", message: message)
        let features = try kernel.socket.query(request)?.genericAttributes.first(Number.features)?.u64
        return (features ?? 0) & Number.basic != 0
    }
}
