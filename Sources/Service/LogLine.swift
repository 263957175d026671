public import Logging

/// One event as text: what a person reads on a terminal and in the log file.
public enum LogLine {
    /// `2026-03-01T12:00:00.123Z warning peer has no endpoint peer=b`, with a line feed.
    public static func text(time: String, level: Logger.Level, message: String, fields: [(key: String, value: String)])
        -> String
    {
        var line = "\(time) \(level.rawValue) \(oneLine(message))"
        for field in fields { line += " \(field.key)=\(quoted(field.value))" }
        return line + "\n"
    }

    /// Values with spaces or quotes are put between quotes, so that a line can be taken apart again.
    private static func quoted(_ value: String) -> String {
        guard value.isEmpty || value.utf8.contains(where: { $0 <= 0x20 || $0 == 0x22 || $0 == 0x3d }) else {
            return value
        }
        return "\"" + oneLine(value).split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\\\"")
            + "\""
    }

    /// Control characters would let a node's name forge a line.
    private static func oneLine(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7f }) else { return text }
        return String(
            String.UnicodeScalarView(text.unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7f ? " " : $0 }))
    }
}
