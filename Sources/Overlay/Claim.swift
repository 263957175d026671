public import Addressing

/// How long and in which generation a node has held its subnets: what settles a collision.
///
/// Written `generation=2,since=2026-03-01T12:00:00Z,draining=10.220.106.0/24;fd53:…::/112` (annotation
/// `warrens.io/claim`).
public struct Claim: Hashable, Sendable, LosslessStringConvertible {
    /// How often the node renumbered itself.
    public var generation: UInt8
    /// Since when it has had these subnets; nil until its clock was known to be right.
    public var since: Timestamp?
    /// Earlier subnets that live containers still use.
    public var draining: [IPPrefix]

    public init(generation: UInt8 = 0, since: Timestamp? = nil, draining: [IPPrefix] = []) {
        self.generation = generation
        self.since = since
        self.draining = draining
    }

    /// Reads the annotation's form. `generation` is mandatory; the order is free; nothing may stand twice.
    public init?(_ text: String) {
        var members: [Substring: Substring] = [:]
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            guard let equals = part.firstIndex(of: "="),
                members.updateValue(part[part.index(after: equals)...], forKey: part[..<equals]) == nil
            else { return nil }
        }
        guard let number = members.removeValue(forKey: "generation"), let generation = UInt8(number) else { return nil }
        var since: Timestamp?
        if let moment = members.removeValue(forKey: "since") {
            since = Timestamp(String(moment))
            if since == nil { return nil }
        }
        var draining: [IPPrefix] = []
        for prefix in members.removeValue(forKey: "draining")?.split(separator: ";") ?? [] {
            guard let prefix = IPPrefix(String(prefix)) else { return nil }
            draining.append(prefix.network)
        }
        guard members.isEmpty else { return nil }
        self.init(generation: generation, since: since, draining: draining)
    }

    public var description: String {
        var parts = ["generation=\(generation)"]
        if let since { parts.append("since=\(since)") }
        if !draining.isEmpty { parts.append("draining=" + draining.map(\.description).joined(separator: ";")) }
        return parts.joined(separator: ",")
    }
}
