internal import Glibc
internal import SyscallShim

/// A thread of our own. Packets never meet Swift's concurrency: crossing executors costs microseconds.
public final class Worker: Sendable {
    private let thread: pthread_t

    /// Starts a thread that runs `body`; it shows as `name` (at most 15 bytes) in ps and top.
    public init(name: String, _ body: @escaping @Sendable () -> Void) throws(SystemError) {
        let box = unsafe Unmanaged.passRetained(Body(name: name, run: body))
        var handle = pthread_t()
        let code = unsafe pthread_create(&handle, nil, Self.enter, box.toOpaque())
        guard code == 0 else {
            unsafe box.release()
            throw SystemError("start thread", name, code: code)
        }
        thread = handle
    }

    /// Waits until the thread has ended.
    public func join() {
        pthread_join(thread, nil)
    }

    private final class Body: Sendable {
        let name: String
        let run: @Sendable () -> Void

        init(name: String, run: @escaping @Sendable () -> Void) {
            self.name = name
            self.run = run
        }
    }

    private static let enter: @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? = { argument in
        // Sound: the argument is the box that `init` retained for this thread alone.
        guard let argument = unsafe argument else { return nil }
        let body = unsafe Unmanaged<Body>.fromOpaque(argument).takeRetainedValue()
        unsafe warrens_name_thread(body.name)
        body.run()
        return nil
    }
}
