internal import Glibc
public import Host
internal import SyscallShim

/// Answers requests on a unix socket, and on a TCP port where one is wanted, on a thread of its own: whatever a client does or fails to do, no
/// packet and no other client waits for it.
public final class StatusServer {
    private let path: String
    private let listeners: [SharedDescriptor]
    private let stopped: Event
    private let worker: Worker

    /// - Parameters:
    ///   - path: The unix socket's.
    ///   - port: Where to listen beside that.
    ///   - answer: Called on the server's thread.
    public init(
        path: String, port: ListeningPort? = nil, answer: @escaping @Sendable (HTTP.Request) -> HTTP.Response
    ) throws(SystemError) {
        var listeners = [SharedDescriptor(try UnixSocket.listen(at: path))]
        if let port { listeners.append(SharedDescriptor(try port.listen())) }
        let all = listeners
        let stopped = try Event()
        self.path = path
        self.listeners = listeners
        self.stopped = stopped
        worker = try Worker(name: "warrens-status") {
            ServerLoop(listeners: all, answer: answer).run(until: stopped)
        }
    }

    /// Refuses whoever connects from now on, before anything else ends.
    public func stop() {
        _ = try? Files.remove(path)
        stopped.signal()
        for listener in listeners { shutdown(listener.raw, Int32(SHUT_RDWR)) }
        worker.join()
    }
}

private final class ServerLoop {
    /// How many clients are served at once; others wait in the socket's queue.
    private static let clientLimit = 16
    /// How long a client may take for its request, and then for each part of the response, in seconds.
    private static let patience: Int64 = 5

    /// In bytes: what an answer about thousands of peers takes is given back at once.
    private static let largeAnswer = 1 << 20

    private let listeners: [SharedDescriptor]
    private let answer: @Sendable (HTTP.Request) -> HTTP.Response
    private var clients: [Client] = []

    init(listeners: [SharedDescriptor], answer: @escaping @Sendable (HTTP.Request) -> HTTP.Response) {
        self.listeners = listeners
        self.answer = answer
    }

    func run(until stopped: Event) {
        while true {
            let accepting = clients.count < Self.clientLimit
            var waits = [(stopped.descriptor, Wait.readable)]
            waits += listeners.map { (accepting ? $0.raw : -1, Wait.readable) }
            waits += clients.map { ($0.descriptor, $0.isWriting ? Wait.writable : Wait.readable) }
            let happened = Wait.forAny(waits, milliseconds: clients.isEmpty ? -1 : 1000)
            if happened[0] != 0 { return }
            let now = monotonicSeconds()
            for (client, events) in zip(clients, happened.dropFirst(1 + listeners.count)) where events != 0 {
                client.advance(now: now, answer)
            }
            let isLarge = clients.contains { $0.isDone && $0.answerSize > Self.largeAnswer }
            clients.removeAll { $0.isDone || now - $0.lastProgress > Self.patience }
            if isLarge { warrens_return_memory() }
            for (listener, events) in zip(listeners, happened.dropFirst()) where events != 0 {
                accept(from: listener, now: now)
            }
        }
    }

    private func accept(from listener: SharedDescriptor, now: Int64) {
        let raw = Glibc.accept(listener.raw, nil, nil)
        guard raw >= 0 else {
            // Out of descriptors or memory: the client stays in the queue, and this must not become a busy loop.
            if errno != EAGAIN, errno != ECONNABORTED, errno != EINTR { usleep(100_000) }
            return
        }
        // This process starts no other, so that nothing can inherit the descriptor in between.
        _ = fcntl(raw, F_SETFD, FD_CLOEXEC)
        _ = fcntl(raw, F_SETFL, O_NONBLOCK)
        clients.append(Client(file: OwnedDescriptor(owning: raw), now: now))
    }
}

private final class Client {
    private let file: OwnedDescriptor
    private var input: [UInt8] = []
    private var output: [UInt8] = []
    private var sent = 0
    private(set) var lastProgress: Int64
    private(set) var isDone = false
    var isWriting: Bool { !output.isEmpty }
    var answerSize: Int { output.count }
    var descriptor: Int32 { file.raw }

    init(file: consuming OwnedDescriptor, now: Int64) {
        self.file = file
        lastProgress = now
    }

    func advance(now: Int64, _ answer: (HTTP.Request) -> HTTP.Response) {
        if isWriting {
            writeSome(now: now)
            return
        }
        var chunk = [UInt8](repeating: 0, count: 4096)
        // Sound: the kernel writes at most `$0.count` bytes.
        let count = unsafe chunk.withUnsafeMutableBytes { unsafe recv(file.raw, $0.baseAddress, $0.count, 0) }
        guard count > 0 else {
            isDone = count == 0 || errno != EAGAIN && errno != EINTR
            return
        }
        // Reading is no progress: a client that drips bytes has as long as one that sends none.
        input += chunk[..<count]
        switch HTTP.parse(input) {
        case .incomplete: return
        case .malformed: output = HTTP.Response(status: 400, body: "not an HTTP/1.0 request\n").bytes()
        case .request(let request): output = answer(request).bytes(withBody: request.method != "HEAD")
        }
        writeSome(now: now)
    }

    private func writeSome(now: Int64) {
        while sent < output.count {
            // Sound: `sent` is below the count.
            let count = unsafe output.withUnsafeBytes {
                unsafe send(
                    file.raw, $0.baseAddress.map { unsafe $0 + sent }, $0.count - sent, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else {
                isDone = errno != EAGAIN && errno != EINTR
                return
            }
            sent += count
            lastProgress = now
        }
        isDone = true
    }
}
