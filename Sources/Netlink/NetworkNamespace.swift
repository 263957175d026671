internal import Glibc
public import Host
internal import SyscallShim

/// A network namespace, held by an open descriptor: it lives at least as long as this value.
public struct NetworkNamespace: ~Copyable, Sendable {
    /// Where it was opened, for messages to people.
    public let path: String
    private let handle: OwnedDescriptor

    /// Opens the namespace behind `path`, such as `/run/netns/name` or `/proc/1/ns/net`.
    ///
    /// - Throws: ENOENT where there is no such file; EINVAL where it is no network namespace, as for the empty file
    ///   that a namespace leaves behind when it is unmounted but not removed.
    public init(path: String) throws(SystemError) {
        let handle = try OwnedDescriptor.open(path, O_RDONLY)
        if warrens_is_network_namespace(handle.raw) != 1 {
            throw SystemError("open", path, code: EINVAL, detail: "not a network namespace")
        }
        self.path = path
        self.handle = handle
    }

    /// The namespace in which the calling thread is.
    public static func current() throws(SystemError) -> NetworkNamespace {
        try NetworkNamespace(path: "/proc/thread-self/ns/net")
    }

    /// The descriptor's number, for ``VethPair`` and system calls, valid while this value lives.
    public var descriptor: Int32 { handle.raw }

    /// What tells this namespace from any other as long as it exists.
    public var identity: FileIdentity {
        get throws(SystemError) {
            var status = stat()
            try retrying("stat", path) { unsafe fstat(handle.raw, &status) }
            return FileIdentity(device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
        }
    }

    /// Moves the calling thread into this namespace for good. Never call it on a thread of Swift's concurrency pool.
    public func enter() throws(SystemError) {
        try retrying("enter network namespace", path) { warrens_enter_network_namespace(handle.raw) }
    }

    /// Runs `body` with the calling thread in this namespace, then moves the thread back.
    ///
    /// Sockets that `body` opens stay in this namespace.
    public func run<Result: ~Copyable>(_ body: () throws(SystemError) -> Result) throws(SystemError) -> Result {
        let origin = try Self.current()
        try enter()
        do throws(SystemError) {
            let result = try body()
            try origin.enter()
            return result
        } catch {
            try origin.enter()
            throw error
        }
    }
}
