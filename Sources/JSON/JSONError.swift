/// Why a JSON text could not be read, and where.
public struct JSONError: Error, Sendable, CustomStringConvertible {
    public let message: String
    /// The number of bytes before the culprit.
    public let offset: Int
    /// Where that is, counted from 1; columns in bytes.
    public let line: Int
    public let column: Int
    /// Why no more bytes could be had, where that is the reason.
    public let cause: (any Error)?

    init(_ message: String, offset: Int, line: Int, column: Int, cause: (any Error)? = nil) {
        self.message = message
        self.offset = offset
        self.line = line
        self.column = column
        self.cause = cause
    }

    public var description: String { "\(message) in line \(line), column \(column)" }
}
