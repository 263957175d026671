internal import Glibc

/// A system call that failed: what was tried, on what, and the kernel's answer.
public struct SystemError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The operation in a reader's words or the call's name: `open`, `rename`, `create link`.
    public let operation: String
    /// What it was tried on: a path, a device, an address.
    public let subject: String
    /// The error number (errno(3)), positive.
    public let code: Int32
    /// What the kernel said beyond the number (netlink's extended acknowledgement), or empty.
    public let detail: String

    public init(_ operation: String, _ subject: String, code: Int32, detail: String = "") {
        self.operation = operation
        self.subject = subject
        self.code = code
        self.detail = detail
    }

    /// Takes the number from the calling thread's errno; call it before anything else can change that.
    public static func last(_ operation: String, _ subject: String) -> SystemError {
        SystemError(operation, subject, code: errno)
    }

    /// `open /run/warrens/lock: Permission denied (errno 13)`
    public var description: String {
        let what = subject.isEmpty ? operation : "\(operation) \(subject)"
        let why = detail.isEmpty ? "" : ": \(detail)"
        return "\(what): \(Self.text(code)) (errno \(code))\(why)"
    }

    private static func text(_ code: Int32) -> String {
        // strerror's answer for a known number is a constant string in the C library.
        unsafe String(cString: strerror(code))
    }
}

/// Calls `body` again for as long as a signal interrupts it (EINTR).
///
/// - Returns: What `body` returned: not negative.
/// - Throws: The error of any other failure.
@discardableResult
public func retrying<Number: SignedInteger>(
    _ operation: String, _ subject: String, _ body: () -> Number
) throws(SystemError) -> Number {
    while true {
        let result = body()
        if result >= 0 { return result }
        let code = errno
        if code != EINTR { throw SystemError(operation, subject, code: code) }
    }
}
