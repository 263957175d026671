internal import Glibc

/// Waits until one of several descriptors has something to say. Kept by loops that must not allocate.
public struct Wait {
    public static let readable = Int16(POLLIN)
    public static let writable = Int16(POLLOUT)
    /// Errors need not be asked for.
    public static let failed = Int16(POLLERR | POLLHUP | POLLNVAL)

    private var entries: [pollfd]

    /// - Parameter descriptors: Each with what to wait for; one that is negative is ignored.
    public init(_ descriptors: [(descriptor: Int32, events: Int16)]) {
        entries = descriptors.map { pollfd(fd: $0.descriptor, events: $0.events, revents: 0) }
    }

    /// poll(2), again after signals.
    ///
    /// - Parameter milliseconds: How long to wait; negative for ever.
    public mutating func sleep(milliseconds: Int32 = -1) {
        while unsafe poll(&entries, nfds_t(entries.count), milliseconds) < 0, errno == EINTR {}
    }

    /// What the last ``sleep(milliseconds:)`` found on the descriptor at `index`.
    public subscript(index: Int) -> Int16 { entries[index].revents }

    /// Waits once.
    ///
    /// - Returns: What happened on each.
    public static func forAny(_ descriptors: [(descriptor: Int32, events: Int16)], milliseconds: Int32 = -1) -> [Int16]
    {
        var wait = Wait(descriptors)
        wait.sleep(milliseconds: milliseconds)
        return wait.entries.map(\.revents)
    }
}
