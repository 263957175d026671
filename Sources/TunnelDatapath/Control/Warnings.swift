/// What a person should know at the moment, each under a name so that it can be taken back.
struct Warnings {
    private var byName: [String: String] = [:]

    /// - Parameter text: Nil takes the warning back.
    mutating func set(_ name: String, _ text: String?) { byName[name] = text }

    mutating func clear(_ name: String) { byName[name] = nil }

    /// In a steady order.
    var texts: [String] { byName.sorted { $0.key < $1.key }.map(\.value) }
}
