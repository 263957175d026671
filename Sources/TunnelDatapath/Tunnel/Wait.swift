internal import Glibc
internal import Host
internal import SyscallShim

/// Waits until one of several descriptors has something to say. Kept by loops that must not allocate.
struct Wait {
    static let readable = Int16(POLLIN)
    static let writable = Int16(POLLOUT)
    /// Errors need not be asked for.
    static let failed = Int16(POLLERR | POLLHUP | POLLNVAL)

    private var entries: [pollfd]

    /// - Parameter descriptors: Each with what to wait for; one that is negative is ignored.
    init(_ descriptors: [(descriptor: Int32, events: Int16)]) {
        entries = descriptors.map { pollfd(fd: $0.descriptor, events: $0.events, revents: 0) }
    }

    /// poll(2), again after signals.
    ///
    /// - Parameter milliseconds: How long to wait; negative for ever.
    mutating func sleep(milliseconds: Int32 = -1) {
        while unsafe poll(&entries, nfds_t(entries.count), milliseconds) < 0, errno == EINTR {}
    }

    /// What the last ``sleep(milliseconds:)`` found on the descriptor at `index`.
    subscript(index: Int) -> Int16 { entries[index].revents }

    /// Waits once.
    ///
    /// - Returns: What happened on each.
    static func forAny(_ descriptors: [(descriptor: Int32, events: Int16)], milliseconds: Int32 = -1) -> [Int16] {
        var wait = Wait(descriptors)
        wait.sleep(milliseconds: milliseconds)
        return wait.entries.map(\.revents)
    }
}

/// A flag that wakes those who poll its descriptor (eventfd(2)).
final class Event: Sendable {
    private let file: OwnedDescriptor
    var descriptor: Int32 { file.raw }

    init() throws(SystemError) {
        file = OwnedDescriptor(owning: try retrying("eventfd", "") { warrens_open_event() })
    }

    func signal() {
        var one: UInt64 = 1
        _ = unsafe write(file.raw, &one, 8)
    }

    func clear() {
        var count: UInt64 = 0
        _ = unsafe read(file.raw, &count, 8)
    }
}
