/// Builds a page in Prometheus's text format, version 0.0.4: families of samples, each family in one piece.
public struct MetricsText {
    public static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    public enum Kind: String {
        /// Only ever grows, but for restarts.
        case counter
        case gauge
    }

    /// What tells the samples of a family apart: `{reason="noPeer"}`. Written once, as many families may share it.
    public struct Labels: Sendable {
        public static let none = Labels([])
        fileprivate let text: String

        public init(_ labels: [(name: String, value: String)]) {
            let list = labels.map { "\($0)=\"\(MetricsText.escaped($1, quotes: true))\"" }.joined(separator: ",")
            text = list.isEmpty ? "" : "{\(list)}"
        }
    }

    public private(set) var text = ""

    public init() {}

    /// Adds a family; one without samples is left out.
    ///
    /// - Parameter help: What it means, in a sentence.
    public mutating func add<Value: Numeric & LosslessStringConvertible>(
        _ name: String, _ kind: Kind, _ help: String, _ samples: some Sequence<(Labels, Value)>
    ) {
        var isFirst = true
        for (labels, value) in samples {
            if isFirst {
                text += "# HELP \(name) \(Self.escaped(help, quotes: false))\n# TYPE \(name) \(kind.rawValue)\n"
                isFirst = false
            }
            text += name
            text += labels.text
            text += " "
            text += value.description
            text += "\n"
        }
    }

    /// Adds a family of one sample without labels; nil leaves it out.
    public mutating func add<Value: Numeric & LosslessStringConvertible>(
        _ name: String, _ kind: Kind, _ help: String, _ value: Value?
    ) {
        add(name, kind, help, value.map { [(Labels.none, $0)] } ?? [])
    }

    /// - Parameter quotes: Whether the text will stand between quotation marks.
    private static func escaped(_ text: String, quotes: Bool) -> String {
        guard text.utf8.contains(where: { $0 == 0x0a || $0 == 0x22 || $0 == 0x5c }) else { return text }
        return text.reduce(into: "") { result, character in
            switch character {
            case "\\": result += "\\\\"
            case "\"" where quotes: result += "\\\""
            case "\n": result += "\\n"
            default: result.append(character)
            }
        }
    }
}
