internal import Glibc
internal import Host
internal import NetlinkShim

/// A request and what an error about it says.
struct Request {
    let operation: String
    let message: Message
    /// Error numbers that count as success.
    var tolerated: [Int32]
    private let describeSubject: () -> String

    /// - Parameter subject: Put into words only where there is an error to be told.
    init(
        operation: String, subject: @autoclosure @escaping () -> String, message: Message, tolerated: [Int32] = []
    ) {
        self.operation = operation
        self.message = message
        self.tolerated = tolerated
        describeSubject = subject
    }

    var subject: String { describeSubject() }
}

/// A netlink socket: requests that are acknowledged, queries and dumps that are answered.
///
/// It talks to the network namespace in which it was opened, whichever thread uses it. Not for use by two threads at
/// once.
@safe final class Socket {
    private let raw: OpaquePointer
    /// Large enough for any datagram of the kernel's. Most are short, and memory that nobody has used yet costs nothing.
    private let buffer: UnsafeMutableRawBufferPointer
    /// Whether answers to the last request may still come.
    private var awaitsAnswers = false

    /// - Parameter netlinkProtocol: `NETLINK_ROUTE` or `NETLINK_NETFILTER`.
    init(netlinkProtocol: Int32) throws(SystemError) {
        guard let raw = unsafe warrens_socket_open(netlinkProtocol) else {
            throw .last("open", "netlink socket")
        }
        unsafe self.raw = raw
        unsafe buffer = .allocate(byteCount: 64 * 1024, alignment: 8)
    }

    deinit {
        unsafe warrens_socket_close(raw)
        unsafe buffer.deallocate()
    }

    /// Sends the requests, as many as fit in one system call each time, and takes the acknowledgement of every one.
    ///
    /// The kernel carries out each request on its own: those behind one that fails are done nevertheless.
    ///
    /// - Throws: The error of the first request that failed with a number that it does not tolerate.
    func perform(_ requests: [Request]) throws(SystemError) {
        var failure: SystemError?
        var start = 0
        while start < requests.count {
            let end = min(start + Self.largestBatch, requests.count)
            let outcome = try performChunk(requests[start..<end])
            failure = failure ?? outcome
            start = end
        }
        if let failure { throw failure }
    }

    /// Acknowledgements wait in the receive buffer until the whole batch was sent, so a batch must not fill it.
    private static let largestBatch = 64

    private func performChunk(_ requests: ArraySlice<Request>) throws(SystemError) -> SystemError? {
        let sequences = try send(requests)
        var pending = Array(zip(sequences, requests))
        var failure: SystemError?
        while !pending.isEmpty {
            for reply in try receive("receive acknowledgement", requests.first?.subject ?? "") {
                // The kernel works the requests off in order, so it is the first one, and so is the first failure.
                guard Int32(reply.type) == NLMSG_ERROR, let answer = Acknowledgement(reply),
                    let place = pending.firstIndex(where: { $0.0 == reply.sequence })
                else { continue }
                let request = pending.remove(at: place).1
                if answer.code != 0, !request.tolerated.contains(answer.code), failure == nil {
                    failure = SystemError(
                        request.operation, request.subject, code: answer.code, detail: answer.detail)
                }
            }
        }
        settled()
        return failure
    }

    /// Sends the requests in one system call, each to be acknowledged unless its message says otherwise.
    ///
    /// - Returns: Their sequence numbers.
    func send(_ requests: ArraySlice<Request>) throws(SystemError) -> [UInt32] {
        for request in requests {
            if let code = request.message.failure {
                throw SystemError(request.operation, request.subject, code: code)
            }
        }
        try dropStaleAnswers()
        awaitsAnswers = true
        let messages: [OpaquePointer?] = unsafe requests.map { unsafe $0.message.raw }
        let acknowledged = requests.map(\.message.wantsAcknowledgement)
        var sequences = [UInt32](repeating: 0, count: requests.count)
        // Sound: all three arrays hold `count` elements, and `requests` keeps the messages alive during the call.
        let result = unsafe messages.withUnsafeBufferPointer { messages in
            unsafe acknowledged.withUnsafeBufferPointer { acknowledged in
                unsafe sequences.withUnsafeMutableBufferPointer { sequences in
                    unsafe warrens_socket_send(
                        raw, messages.baseAddress, acknowledged.baseAddress, sequences.baseAddress, messages.count)
                }
            }
        }
        if result < 0 { throw .last(requests.first?.operation ?? "send", requests.first?.subject ?? "") }
        return sequences
    }

    /// Asks for one object.
    ///
    /// - Returns: The answer, or nil where the kernel refused with an error that the request tolerates.
    func query(_ request: Request) throws(SystemError) -> Reply? {
        let sequence = try sendQuery(request)
        while true {
            for reply in try receive(request.operation, request.subject) where reply.sequence == sequence {
                settled()
                guard Int32(reply.type) == NLMSG_ERROR else { return reply }
                if let answer = Acknowledgement(reply), answer.code != 0 {
                    if request.tolerated.contains(answer.code) { return nil }
                    throw SystemError(request.operation, request.subject, code: answer.code, detail: answer.detail)
                }
            }
        }
    }

    /// Asks for all objects of a kind, and again where they changed meanwhile so that the answer was inconsistent.
    ///
    /// - Parameters:
    ///   - makeRequest: Makes the request, whose message has the flag `NLM_F_DUMP` and is sent once only.
    ///   - transform: Reads one object; nil leaves it out.
    /// - Throws: The kernel's error, or EINTR where the objects changed during each of ten attempts.
    func dump<Object>(
        _ makeRequest: () -> Request, _ transform: (Reply) -> Object?
    ) throws(SystemError) -> [Object] {
        for _ in 0..<10 {
            let request = makeRequest()
            if let objects = try dumpOnce(request, transform) { return objects }
        }
        let request = makeRequest()
        throw SystemError(request.operation, request.subject, code: EINTR, detail: "changed during each of 10 readings")
    }

    private func dumpOnce<Object>(
        _ request: Request, _ transform: (Reply) -> Object?
    ) throws(SystemError) -> [Object]? {
        let sequence = try sendQuery(request)
        var objects: [Object] = []
        var consistent = true
        while true {
            for reply in try receive(request.operation, request.subject) where reply.sequence == sequence {
                if Int32(reply.flags) & NLM_F_DUMP_INTR != 0 { consistent = false }
                switch Int32(reply.type) {
                case NLMSG_DONE, NLMSG_ERROR:
                    settled()
                    if let answer = Acknowledgement(reply), answer.code != 0 {
                        if request.tolerated.contains(answer.code) { return [] }
                        throw SystemError(request.operation, request.subject, code: answer.code, detail: answer.detail)
                    }
                    return consistent ? objects : nil
                case NLMSG_NOOP:
                    break
                default:
                    if let object = transform(reply) { objects.append(object) }
                }
            }
        }
    }

    private func sendQuery(_ request: Request) throws(SystemError) -> UInt32 {
        if let code = request.message.failure { throw SystemError(request.operation, request.subject, code: code) }
        try dropStaleAnswers()
        awaitsAnswers = true
        var sequence: UInt32 = 0
        if unsafe warrens_socket_query(raw, request.message.raw, &sequence) < 0 {
            throw .last(request.operation, request.subject)
        }
        return sequence
    }

    /// Says that the last request has been answered in full.
    func settled() {
        awaitsAnswers = false
    }

    /// Empties the receive queue of what a failed exchange left in it. One that has overflowed takes in nothing, without
    /// a word, until it is empty.
    private func dropStaleAnswers() throws(SystemError) {
        while awaitsAnswers {
            do throws(SystemError) {
                _ = try receive("receive", "stale answers", flags: Int32(MSG_DONTWAIT))
            } catch {
                switch error.code {
                case EAGAIN: settled()
                case ENOBUFS: continue
                default: throw error
                }
            }
        }
    }

    /// Waits for a datagram, or takes one that is there with `flags` = `MSG_DONTWAIT`.
    func receive(
        _ operation: String, _ subject: @autoclosure () -> String, flags: Int32 = 0
    ) throws(SystemError) -> [Reply] {
        // Sound: the kernel writes at most `count` bytes into the buffer, and says how many; those alone are copied.
        let length = unsafe warrens_socket_receive(raw, buffer.baseAddress, buffer.count, flags)
        if length < 0 {
            let code = errno
            throw SystemError(operation, subject(), code: code)
        }
        return Reply.split(unsafe [UInt8](buffer[..<length])[...])
    }
}
