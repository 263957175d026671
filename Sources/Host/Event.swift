internal import Glibc
internal import SyscallShim

/// A flag that wakes those who poll its descriptor (eventfd(2)).
public final class Event: Sendable {
    private let file: OwnedDescriptor
    public var descriptor: Int32 { file.raw }

    public init() throws(SystemError) {
        file = OwnedDescriptor(owning: try retrying("eventfd", "") { warrens_open_event() })
    }

    public func signal() {
        var one: UInt64 = 1
        _ = unsafe write(file.raw, &one, 8)
    }

    public func clear() {
        var count: UInt64 = 0
        _ = unsafe read(file.raw, &count, 8)
    }
}
