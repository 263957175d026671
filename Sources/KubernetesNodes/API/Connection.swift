internal import NIOConcurrencyHelpers
internal import NIOCore
internal import NIOHTTP1
internal import NIOHTTPCompression
internal import NIOPosix
internal import NIOSSL

/// Sends requests one after the other over one connection, and takes the answers apart.
struct Connection {
    typealias Parts = NIOAsyncChannelInboundStream<HTTPClientResponsePart>

    private var parts: Parts.AsyncIterator
    private let writer: NIOAsyncChannelOutboundWriter<HTTPClientRequestPart>
    /// False once the server has said that it will close.
    private(set) var isUsable = true
    private var isInBody = false

    init(_ inbound: Parts, _ writer: NIOAsyncChannelOutboundWriter<HTTPClientRequestPart>) {
        parts = inbound.makeAsyncIterator()
        self.writer = writer
    }

    /// Sends a request and waits for the head of its answer.
    mutating func send(_ head: HTTPRequestHead, body: [UInt8]) async throws -> HTTPResponseHead {
        // The rest of the answer before, which nobody wanted.
        while isInBody { _ = try await next() }
        try await writer.write(.head(head))
        if !body.isEmpty { try await writer.write(.body(.byteBuffer(ByteBuffer(bytes: body)))) }
        try await writer.write(.end(nil))
        while let part = try await parts.next() {
            guard case .head(let head) = part else { continue }
            isUsable = head.isKeepAlive
            isInBody = true
            return head
        }
        throw ConnectionError.closed
    }

    /// The next bytes of the answer; nil at its end.
    ///
    /// - Throws: ``ConnectionError/closed`` where it ends too early.
    mutating func next() async throws -> [UInt8]? {
        while isInBody {
            switch try await parts.next() {
            case .body(let buffer): return Array(buffer.readableBytesView)
            case .end: isInBody = false
            case .head: continue
            case nil:
                isInBody = false
                throw ConnectionError.closed
            }
        }
        return nil
    }
}

/// What becomes of a connection beside what the kernel and TLS say.
enum ConnectionError: Error {
    /// The other side ended it before its answer was complete.
    case closed
    /// Nothing came for so many seconds.
    case silent(seconds: Int64)
    /// No address is known for the name.
    case unknownName(String)
}

/// Remembers why a connection failed: what is told to those who wait on it may be no more than that it is closed. Ends a
/// connection on which nothing comes any more.
final class ConnectionGuard: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart

    private let silence: Int64
    private let failure: NIOLockedValueBox<(any Error)?>

    init(silence: Int64, failure: NIOLockedValueBox<(any Error)?>) {
        self.silence = silence
        self.failure = failure
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .read? = event as? IdleStateHandler.IdleStateEvent {
            context.fireErrorCaught(note(ConnectionError.silent(seconds: silence)))
            context.close(promise: nil)
        } else {
            context.fireUserInboundEventTriggered(event)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.fireErrorCaught(note(error))
        // No error of TLS or HTTP leaves a connection on which anything could be understood.
        context.close(promise: nil)
    }

    private func note(_ error: any Error) -> any Error {
        failure.withLockedValue { $0 = $0 ?? error }
        return error
    }
}
