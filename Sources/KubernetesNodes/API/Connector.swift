internal import Addressing
internal import Cluster
internal import Host
internal import JSON
internal import NIOConcurrencyHelpers
internal import NIOCore
internal import NIOHTTP1
internal import NIOHTTPCompression
internal import NIOPosix
internal import NIOSSL
internal import Resolver

/// Opens connections to an API server: names to addresses, TCP, TLS, HTTP/1.1.
struct Connector: Sendable {
    typealias Channel = NIOAsyncChannel<HTTPClientResponsePart, HTTPClientRequestPart>

    let access: ServerAccess
    private let group: MultiThreadedEventLoopGroup

    /// For each address of the server, in seconds.
    private static let connectTimeout: Int64 = 10

    init(_ access: ServerAccess, group: MultiThreadedEventLoopGroup) {
        self.access = access
        self.group = group
    }

    /// Opens a connection, gives it to `body` and closes it.
    ///
    /// - Parameter silence: After so many seconds without a byte from the server the connection is given up.
    func connected<Result: Sendable>(
        silence: Int64, _ body: @Sendable (inout Connection) async throws -> Result
    ) async throws -> Result {
        let failure = NIOLockedValueBox<(any Error)?>(nil)
        do {
            let channel = try await open(silence: silence, failure)
            return try await channel.executeThenClose { inbound, outbound in
                do {
                    var connection = Connection(inbound, outbound)
                    return try await body(&connection)
                } catch {
                    // Before closing the connection adds errors of its own.
                    throw Self.isOfTheConnection(error) ? failure.withLockedValue { $0 } ?? error : error
                }
            }
        } catch {
            try Task.checkCancellation()
            throw error
        }
    }

    /// False for what the server said over a connection that worked.
    private static func isOfTheConnection(_ error: any Error) -> Bool {
        !(error is APIFailure || error is APIStatus || error is ObjectSplitter.Failure || error is JSONError)
    }

    private func open(silence: Int64, _ failure: NIOLockedValueBox<(any Error)?>) async throws -> Channel {
        let security = try access.server.isSecure ? Security(access) : nil
        var last: (any Error)?
        for address in try await addresses() {
            do {
                return try await bootstrap.connect(to: address) { channel in
                    channel.eventLoop.makeCompletedFuture {
                        let pipeline = channel.pipeline.syncOperations
                        if let security { try pipeline.addHandler(try security.handler()) }
                        try pipeline.addHandler(IdleStateHandler(readTimeout: .seconds(silence)))
                        try pipeline.addHTTPClientHandlers(leftOverBytesStrategy: .dropBytes)
                        // What a body may grow to is limited where it is read, object by object.
                        try pipeline.addHandler(NIOHTTPResponseDecompressor(limit: .none))
                        try pipeline.addHandler(ConnectionGuard(silence: silence, failure: failure))
                        return try Channel(wrappingChannelSynchronously: channel)
                    }
                }
            } catch {
                try Task.checkCancellation()
                last = error
            }
        }
        throw last ?? ConnectionError.closed
    }

    /// A server that is gone without a word is noticed within a minute even where it owes us nothing.
    private var bootstrap: ClientBootstrap {
        ClientBootstrap(group: group)
            .connectTimeout(.seconds(Self.connectTimeout))
            .channelOption(.socketOption(.so_keepalive), value: 1)
            .channelOption(.tcpOption(.init(rawValue: TCPOption.idle)), value: 20)
            .channelOption(.tcpOption(.init(rawValue: TCPOption.interval)), value: 10)
            .channelOption(.tcpOption(.init(rawValue: TCPOption.count)), value: 3)
            .channelOption(.tcpOption(.init(rawValue: TCPOption.userTimeout)), value: 30_000)
    }

    /// linux/tcp.h, tcp(7).
    private enum TCPOption {
        static let idle: CInt = 4
        static let interval: CInt = 5
        static let count: CInt = 6
        /// In milliseconds.
        static let userTimeout: CInt = 18
    }

    private func addresses() async throws -> [NIOCore.SocketAddress] {
        let port = access.server.port
        let found: [IPAddress]
        switch access.server.host {
        case .address(let address): found = [address]
        case .name(let name):
            found = try await Self.lookUp(name)
            if found.isEmpty { throw ConnectionError.unknownName(name) }
        }
        return try found.map { try NIOCore.SocketAddress(ipAddress: $0.description, port: Int(port)) }
    }

    /// On a thread of its own: it may take seconds.
    private static func lookUp(_ name: String) async throws -> [IPAddress] {
        try await withCheckedThrowingContinuation { continuation in
            do throws(SystemError) {
                _ = try Worker(name: "warrens-names") {
                    continuation.resume(returning: HostLookup.addresses(of: [name])[0].addresses)
                }
            } catch {
                continuation.resume(throwing: error)
            }
        }
    }
}
