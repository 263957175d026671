import Host

/// Something a person wrote, or a file of this node, that cannot be used: where it stands, what is wrong with it and
/// what to do about it.
public struct OverlayError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The file or other source: `/etc/warrens/warrens.json`.
    public let source: String
    /// The member in the file, or empty where the file as a whole is meant.
    public let key: String
    /// What is wrong, with the offending value.
    public let problem: String
    /// What the reader can do.
    public let remedy: String

    public init(source: String, key: String = "", problem: String, remedy: String) {
        self.source = source
        self.key = key
        self.problem = problem
        self.remedy = remedy
    }

    init(_ error: SystemError, source: String, remedy: String) {
        self.init(source: source, problem: error.description, remedy: remedy)
    }

    /// `/etc/warrens/warrens.json: port: 70000 is not a port; use a number from 1 to 65535`
    public var description: String {
        [source, key, "\(problem); \(remedy)"].filter { !$0.isEmpty }.joined(separator: ": ")
    }
}
