internal import Glibc
internal import Host
internal import SyscallShim

/// Answers requests on the daemon's unix socket, on a thread of its own: whatever a client does or fails to do, no
/// packet and no other client waits for it.
final class StatusServer {
    private let path: String
    private let listener: SharedDescriptor
    private let stopped: Event
    private let worker: Worker

    /// - Parameter answer: Called on the server's thread.
    init(path: String, answer: @escaping @Sendable (HTTP.Request) -> HTTP.Response) throws(SystemError) {
        let listener = SharedDescriptor(try UnixSocket.listen(at: path))
        let stopped = try Event()
        self.path = path
        self.listener = listener
        self.stopped = stopped
        worker = try Worker(name: "warrens-status") {
            ServerLoop(listener: listener, answer: answer).run(until: stopped)
        }
    }

    /// Refuses whoever connects from now on, before anything else ends.
    func stop() {
        _ = try? Files.remove(path)
        stopped.signal()
        shutdown(listener.raw, Int32(SHUT_RDWR))
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

    private let listener: SharedDescriptor
    private let answer: @Sendable (HTTP.Request) -> HTTP.Response
    private var clients: [Client] = []

    init(listener: SharedDescriptor, answer: @escaping @Sendable (HTTP.Request) -> HTTP.Response) {
        self.listener = listener
        self.answer = answer
    }

    func run(until stopped: Event) {
        while true {
            let accepting = clients.count < Self.clientLimit
            var waits = [
                (stopped.descriptor, Wait.readable), (accepting ? listener.raw : -1, Wait.readable),
            ]
            waits += clients.map { ($0.descriptor, $0.isWriting ? Wait.writable : Wait.readable) }
            let happened = Wait.forAny(waits, milliseconds: clients.isEmpty ? -1 : 1000)
            if happened[0] != 0 { return }
            let now = monotonicSeconds()
            for (client, events) in zip(clients, happened.dropFirst(2)) where events != 0 {
                client.advance(now: now, answer)
            }
            let isLarge = clients.contains { $0.isDone && $0.answerSize > Self.largeAnswer }
            clients.removeAll { $0.isDone || now - $0.lastProgress > Self.patience }
            if isLarge { warrens_return_memory() }
            if happened[1] != 0 { accept(now: now) }
        }
    }

    private func accept(now: Int64) {
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
