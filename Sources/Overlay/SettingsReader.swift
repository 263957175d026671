import Addressing
import JSON

/// Turns the members of the settings file into values, and what does not fit into errors with a remedy.
struct SettingsReader {
    let source: String

    func unknown(_ name: String) -> OverlayError {
        let known = Settings.Key.allCases.map(\.rawValue)
        let guess = Spelling.nearest(to: name, among: known).map { "did you mean \"\($0)\"?" }
        return OverlayError(
            source: source, key: name, problem: "unknown key",
            remedy: guess ?? "remove it; the keys are \(known.joined(separator: ", "))")
    }

    func number(_ key: Settings.Key, _ value: JSONValue, in range: ClosedRange<Int>) throws(OverlayError) -> Int {
        guard let number = value.intValue, range.contains(number) else {
            throw refuse(key, value, "use a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    func choice<Choice>(_ key: Settings.Key, _ value: JSONValue) throws(OverlayError) -> Choice
    where Choice: RawRepresentable<String> & CaseIterable {
        guard let choice = value.stringValue.flatMap(Choice.init(rawValue:)) else {
            let choices = Choice.allCases.map { "\"\($0.rawValue)\"" }.joined(separator: " or ")
            throw refuse(key, value, "use \(choices)")
        }
        return choice
    }

    func prefix(_ key: Settings.Key, _ value: JSONValue, family: IPFamily) throws(OverlayError) -> IPPrefix {
        guard let prefix = value.stringValue.flatMap({ IPPrefix($0) }), prefix.family == family else {
            throw refuse(key, value, "use an \(family) prefix such as \"\(example(family))\"")
        }
        return try unicast(key, try withoutHostBits(key, prefix))
    }

    func prefixes(_ key: Settings.Key, _ value: JSONValue) throws(OverlayError) -> [IPPrefix] {
        guard let elements = value.arrayValue else {
            throw refuse(key, value, "use a list of prefixes such as [\"\(example(.v4))\"]")
        }
        var prefixes: [IPPrefix] = []
        for element in elements {
            guard let prefix = element.stringValue.flatMap({ IPPrefix($0) }) else {
                throw refuse(key, element, "use a prefix such as \"\(example(.v4))\"")
            }
            prefixes.append(try unicast(key, try withoutHostBits(key, prefix)))
        }
        return prefixes
    }

    func families(_ key: Settings.Key, _ value: JSONValue) throws(OverlayError) -> Settings.FamilyChoice {
        if value == .string("automatic") { return .automatic }
        let names = value.arrayValue?.compactMap { element -> IPFamily? in
            switch element {
            case .string("ipv4"): .v4
            case .string("ipv6"): .v6
            default: nil
            }
        }
        guard let names, !names.isEmpty, names.count == value.arrayValue?.count else {
            throw refuse(key, value, "use \"automatic\", [\"ipv6\"], [\"ipv4\"] or [\"ipv6\", \"ipv4\"]")
        }
        return .explicit([IPFamily.v6, .v4].filter(names.contains))
    }

    func name(_ key: Settings.Key, _ value: JSONValue) throws(OverlayError) -> String {
        guard let name = value.stringValue, (1...253).contains(name.utf8.count),
            name.utf8.allSatisfy({ (0x21...0x7e).contains($0) })
        else { throw refuse(key, value, "use this node's metadata.name in the node annotation file") }
        return name
    }

    func path(_ key: Settings.Key, _ value: JSONValue) throws(OverlayError) -> String {
        guard let path = value.stringValue, path.hasPrefix("/"), !path.hasSuffix("/"), !path.contains("\0") else {
            throw refuse(key, value, "use the absolute path of a file")
        }
        return path
    }

    private func withoutHostBits(_ key: Settings.Key, _ prefix: IPPrefix) throws(OverlayError) -> IPPrefix {
        guard prefix.isNetwork else {
            throw refuse(key, .string(prefix.description), "clear the host bits: \"\(prefix.network)\"")
        }
        return prefix
    }

    /// Refuses prefixes whose addresses, or some of them, no router carries.
    private func unicast(_ key: Settings.Key, _ prefix: IPPrefix) throws(OverlayError) -> IPPrefix {
        guard prefix.isUnicast else {
            throw refuse(
                key, .string(prefix.description),
                "use a prefix without multicast, loopback, link-local and unspecified addresses, such as "
                    + "\"\(example(prefix.family))\"")
        }
        return prefix
    }

    private func example(_ family: IPFamily) -> String {
        (family == .v4 ? Settings.default.v4Prefix : Settings.default.v6Prefix).description
    }

    private func refuse(_ key: Settings.Key, _ value: JSONValue, _ remedy: String) -> OverlayError {
        OverlayError(
            source: source, key: key.rawValue, problem: "\(value.serialized().prefix(200)) cannot be used",
            remedy: remedy)
    }
}
