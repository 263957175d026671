import JSON

/// Something that the doctor looked at.
struct Finding: Hashable {
    enum Level: String {
        case good = "ok"
        /// Worth knowing; traffic flows all the same, or nothing runs yet.
        case notice = "note"
        case problem = "PROBLEM"
    }

    let level: Level
    /// What was looked at: `forwarding`.
    let subject: String
    let message: String
    /// What to do; empty where nothing is to be done.
    let remedy: String

    static func good(_ subject: String, _ message: String) -> Finding {
        Finding(level: .good, subject: subject, message: message, remedy: "")
    }

    static func notice(_ subject: String, _ message: String, remedy: String = "") -> Finding {
        Finding(level: .notice, subject: subject, message: message, remedy: remedy)
    }

    static func problem(_ subject: String, _ message: String, remedy: String) -> Finding {
        Finding(level: .problem, subject: subject, message: message, remedy: remedy)
    }

    /// A problem whose text tells the remedy behind the last semicolon, as all errors of ours do.
    ///
    /// - Parameter otherwise: The remedy for a text without one.
    static func problem(_ subject: String, told text: String, otherwise: String) -> Finding {
        guard let separator = text.ranges(of: "; ").last else { return .problem(subject, text, remedy: otherwise) }
        return .problem(
            subject, String(text[..<separator.lowerBound]), remedy: String(text[separator.upperBound...]))
    }

    var json: JSONValue {
        [
            "level": .string(level == .problem ? "problem" : level.rawValue), "subject": .string(subject),
            "message": .string(message), "remedy": .string(remedy),
        ]
    }
}

/// One field that the doctor knows.
protocol Check {
    /// What it is about, for the case that it cannot be looked at.
    var subject: String { get }
    func findings() throws -> [Finding]
}
