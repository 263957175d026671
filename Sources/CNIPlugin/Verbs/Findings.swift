/// What CHECK found broken, in the order in which it looked.
struct Findings: CustomStringConvertible {
    private(set) var texts: [String] = []

    var isEmpty: Bool { texts.isEmpty }
    var description: String { texts.joined(separator: "; ") }

    /// Notes `text` unless `condition` holds.
    mutating func expect(_ condition: Bool, _ text: @autoclosure () -> String) {
        if !condition { texts.append(text()) }
    }

    mutating func add(_ more: [String]) { texts += more }
}
