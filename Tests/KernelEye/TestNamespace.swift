import Glibc
public import Host
import SyscallShim

/// Network namespaces for tests, each on a thread of its own.
///
/// A thread of Swift's concurrency pool must never change its namespace: other tests run on it later. The namespace
/// ends with the thread, unless a descriptor, a socket or a mount still holds it.
public enum TestNamespace {
    /// Runs `body` on a new thread in a new network namespace, and waits for it.
    public static func run<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) throws -> Result {
        let work = Work(body)
        var thread = pthread_t()
        let context = unsafe Unmanaged.passRetained(work)
        let code = unsafe pthread_create(
            &thread, nil,
            { context in
                // Sound: `passRetained` above handed this reference over, once.
                unsafe context.map { unsafe Unmanaged<AnyWork>.fromOpaque($0).takeRetainedValue() }?.run()
                return nil
            }, unsafe context.toOpaque())
        guard code == 0 else {
            unsafe context.release()
            throw SystemError("create", "thread", code: code)
        }
        pthread_join(thread, nil)
        guard let result = work.result else { throw SystemError("run", "test thread", code: ECHILD) }
        return try result.get()
    }

    /// Moves the calling thread, which must be one that ``run(_:)`` made, on to another new network namespace.
    public static func enterNew() throws(SystemError) {
        try retrying("unshare", "network namespace") { warrens_new_network_namespace() }
    }

    private class AnyWork {
        func run() {}
    }

    private final class Work<Result: Sendable>: AnyWork {
        private let body: @Sendable () throws -> Result
        // Written by the thread, read after it was joined.
        private(set) var result: Swift.Result<Result, any Error>?

        init(_ body: @escaping @Sendable () throws -> Result) {
            self.body = body
        }

        override func run() {
            result = Swift.Result {
                try TestNamespace.enterNew()
                return try body()
            }
        }
    }
}
