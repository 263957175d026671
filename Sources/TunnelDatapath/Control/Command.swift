internal import Logging

/// The daemon's command line. All else is in the settings file.
struct Command: Equatable {
    static let usage = """
        usage: warrensd [--foreground] [--log-level LEVEL]

        The tunnel process of a Warrens node. Settings: /etc/warrens/warrens.json.

          --foreground        log to standard error, or to the journal where that leads there
          --log-level LEVEL   trace, debug, info (default), notice, warning, error or critical
          --version           print the version and exit
          --help              print this text and exit
        """

    var foreground = false
    var logLevel = Logger.Level.info
    var wantsVersion = false
    var wantsHelp = false

    /// - Throws: A line that names the argument.
    init(_ arguments: [String]) throws(StartError) {
        var rest = arguments[...]
        while let argument = rest.popFirst() {
            switch argument {
            case "--foreground": foreground = true
            case "--version": wantsVersion = true
            case "--help", "-h": wantsHelp = true
            case "--log-level":
                guard let text = rest.popFirst(), let level = Logger.Level(rawValue: text) else {
                    throw StartError("--log-level needs one of \(Self.levels)")
                }
                logLevel = level
            default: throw StartError("unknown argument \(argument); see warrensd --help")
            }
        }
    }

    private static var levels: String { Logger.Level.allCases.map(\.rawValue).joined(separator: ", ") }
}
