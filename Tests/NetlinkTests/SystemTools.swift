import Host
import JSON
import KernelEye

/// What the system's own tools say, as they say it in JSON.
enum SystemTools {
    /// `tc`, such as `tc("qdisc", "show")`.
    static func tc(_ arguments: String...) throws -> [JSONObject] {
        try objects(Command.run("/usr/sbin/tc", ["-j"] + arguments))
    }

    /// `ip` with details.
    static func ip(_ arguments: String...) throws -> [JSONObject] {
        try objects(Command.run("/usr/sbin/ip", ["-d", "-j"] + arguments))
    }

    private static func objects(_ text: String) throws -> [JSONObject] {
        // Where there is nothing to tell, some say nothing at all.
        if text.allSatisfy(\.isWhitespace) { return [] }
        return try JSONValue(parsing: Array(text.utf8)).arrayValue?.compactMap(\.objectValue) ?? []
    }
}
