internal import Glibc

/// Feeds a child's standard input and collects its output and errors, whichever of them is ready, until it has
/// closed both.
struct Exchange: ~Copyable {
    private var input: [UInt8] = []
    private let outputLimit: Int
    private let errorLimit: Int
    private let forwardsErrors: Bool
    private let subject: String
    private(set) var output: [UInt8] = []
    private(set) var errorOutput: [UInt8] = []

    /// Our ends of the three pipes; poll(2) ignores a negative number, which stands for a closed one.
    private var toChild: Int32
    private var fromChild: Int32
    private var errorsFromChild: Int32
    private var written = 0

    init(
        outputLimit: Int, errorLimit: Int, forwardsErrors: Bool, subject: String,
        toChild: consuming OwnedDescriptor, fromChild: consuming OwnedDescriptor,
        errorsFromChild: consuming OwnedDescriptor
    ) {
        self.outputLimit = outputLimit
        self.errorLimit = errorLimit
        self.forwardsErrors = forwardsErrors
        self.subject = subject
        self.toChild = toChild.release()
        self.fromChild = fromChild.release()
        self.errorsFromChild = errorsFromChild.release()
    }

    deinit {
        for descriptor in [toChild, fromChild, errorsFromChild] where descriptor >= 0 { _ = close(descriptor) }
    }

    /// Gives the child its input, as far as the pipe has room; ``run()`` gives it the rest.
    mutating func give(_ input: [UInt8]) throws(SystemError) {
        self.input = input
        try retrying("set non-blocking", subject) { fcntl(toChild, F_SETFL, O_NONBLOCK) }
        try feed()
    }

    mutating func run() throws(SystemError) {
        while fromChild >= 0 || errorsFromChild >= 0 {
            var waiting = [
                pollfd(fd: toChild, events: Int16(POLLOUT), revents: 0),
                pollfd(fd: fromChild, events: Int16(POLLIN), revents: 0),
                pollfd(fd: errorsFromChild, events: Int16(POLLIN), revents: 0),
            ]
            let count = nfds_t(waiting.count)
            // Sound: the kernel changes the elements of the array that it is given the length of.
            try retrying("poll", subject) { unsafe poll(&waiting, count, -1) }
            if waiting[0].revents != 0 { try feed() }
            if waiting[1].revents != 0 { try collectOutput() }
            if waiting[2].revents != 0 { try collectErrors() }
        }
    }

    private mutating func feed() throws(SystemError) {
        let start = written
        let raw = toChild
        do throws(SystemError) {
            written += try retrying("write", subject) {
                // Sound: `start` is at most the count, so the rest is inside of the buffer.
                unsafe input.withUnsafeBytes {
                    unsafe write(raw, $0.baseAddress.map { unsafe $0 + start }, $0.count - start)
                }
            }
        } catch {
            // A child need not read what it is given.
            guard error.code == EPIPE || error.code == EAGAIN else { throw error }
            if error.code == EPIPE { written = input.count }
        }
        if written == input.count { Self.end(&toChild) }
    }

    private mutating func collectOutput() throws(SystemError) {
        let piece = try read(fromChild)
        if piece.isEmpty { Self.end(&fromChild) }
        output += piece
        if output.count > outputLimit { throw SystemError("read output of", subject, code: EFBIG) }
    }

    private mutating func collectErrors() throws(SystemError) {
        let piece = try read(errorsFromChild)
        if piece.isEmpty { Self.end(&errorsFromChild) }
        errorOutput += piece.prefix(errorLimit - errorOutput.count)
        if forwardsErrors { try? StandardStreams.write(piece, to: STDERR_FILENO, "standard error") }
    }

    private func read(_ raw: Int32) throws(SystemError) -> [UInt8] {
        var chunk = [UInt8](repeating: 0, count: 4 * 1024)
        let count = try retrying("read", subject) {
            // Sound: the kernel writes at most `$0.count` bytes into the buffer that it is given.
            unsafe chunk.withUnsafeMutableBytes { unsafe Glibc.read(raw, $0.baseAddress, $0.count) }
        }
        return Array(chunk.prefix(count))
    }

    private static func end(_ descriptor: inout Int32) {
        _ = close(descriptor)
        descriptor = -1
    }
}
