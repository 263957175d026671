internal import Glibc
internal import Host

/// What libbpf and the kernel's verifier say about an object or program, and the error that it makes.
struct KernelLog {
    /// What the verifier says of a large program is long, but the reason stands at its end.
    private static let capacity = 32 * 1024
    /// As much of the end as an error quotes.
    private static let quotedLines = 12

    private var text = [CChar](repeating: 0, count: KernelLog.capacity)

    /// Gives `body` the memory to write a text to that ends with a NUL.
    mutating func withBuffer<Result>(_ body: (UnsafeMutableBufferPointer<CChar>) -> Result) -> Result {
        unsafe text.withUnsafeMutableBufferPointer { unsafe body($0) }
    }

    /// The last lines that say something.
    var end: String {
        let bytes = text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n").filter(Self.says)
        return lines.suffix(Self.quotedLines).joined(separator: "\n")
    }

    /// The error of the call that just failed, with errno.
    func error(_ operation: String, _ subject: String) -> SystemError {
        let code = errno
        return SystemError(operation, subject, code: code, detail: end)
    }

    /// The verifier's account of its work, and libbpf's frame around it, explain nothing.
    private static func says(_ line: Substring) -> Bool {
        let noise = [
            "processed ", "verification time ", "stack depth ", "-- END PROG LOAD LOG --",
            "libbpf: failed to load object",
        ]
        return !noise.contains { line.hasPrefix($0) } && !line.hasSuffix("-- BEGIN PROG LOAD LOG --")
    }
}
