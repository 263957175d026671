/// Why a JSON text could not be read, and where.
public struct JSONError: Error, Sendable, CustomStringConvertible {
    public let message: String
    /// The number of bytes before the culprit.
    public let offset: Int
    /// Why no more bytes could be had, where that is the reason.
    public let cause: (any Error)?

    public init(_ message: String, offset: Int, cause: (any Error)? = nil) {
        self.message = message
        self.offset = offset
        self.cause = cause
    }

    public var description: String { "\(message) at byte \(offset)" }
}
