public import Addressing

/// A packet that nobody sends, to ask what would become of it.
public struct TrialPacket: Hashable, Sendable {
    public var source: IPAddress
    /// Of the source's family.
    public var destination: IPAddress
    /// What follows the IP header (IANA protocol numbers): 6 TCP, 17 UDP.
    public var protocolNumber: UInt8
    /// Of TCP and UDP; nil where nobody said.
    public var sourcePort: UInt16?
    public var destinationPort: UInt16?
    /// With its IP header, in bytes.
    public var length: Int
    /// The length of the longest packet that a super-packet stands for, headers included, in bytes; nil for a packet that
    /// is none.
    public var segmentLength: Int?
    /// Routers may split it; never true of IPv6.
    public var mayBeFragmented: Bool

    public init(
        source: IPAddress, destination: IPAddress, protocolNumber: UInt8 = 17, sourcePort: UInt16? = nil,
        destinationPort: UInt16? = nil, length: Int = 1280, segmentLength: Int? = nil, mayBeFragmented: Bool = false
    ) {
        self.source = source
        self.destination = destination
        self.protocolNumber = protocolNumber
        self.sourcePort = sourcePort
        self.destinationPort = destinationPort
        self.length = length
        self.segmentLength = segmentLength
        self.mayBeFragmented = mayBeFragmented
    }

    /// The length of what has to fit into one datagram, in bytes.
    public var longest: Int { segmentLength ?? length }

    /// Both ports are known, so that the packet's flow is.
    public var hasPorts: Bool { sourcePort != nil && destinationPort != nil }

    /// The packet as the query of a URL: `source=10.0.0.1&destination=10.0.0.2&protocol=17&length=1280`.
    public var query: String {
        var fields: [(String, String?)] = [
            ("source", source.description), ("destination", destination.description),
            ("protocol", String(protocolNumber)), ("length", String(length)),
        ]
        fields += [
            ("sourcePort", sourcePort.map { String($0) }), ("destinationPort", destinationPort.map { String($0) }),
            ("segmentLength", segmentLength.map { String($0) }), ("mayBeFragmented", mayBeFragmented ? "true" : nil),
        ]
        return fields.compactMap { name, value in value.map { "\(name)=\($0)" } }.joined(separator: "&")
    }

    /// Reads what ``query`` writes.
    ///
    /// - Throws: The field that is missing, unknown or malformed.
    public init(query: String) throws(OverlayError) {
        var fields: [String: String] = [:]
        for field in query.split(separator: "&") {
            let parts = field.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            fields[String(parts[0])] = parts.count > 1 ? String(parts[1]) : ""
        }
        func take<Value>(_ name: String, _ parse: (String) -> Value?) throws(OverlayError) -> Value? {
            guard let text = fields.removeValue(forKey: name) else { return nil }
            guard let value = parse(text) else { throw Self.error(name, "\"\(text)\" cannot be read") }
            return value
        }
        guard let source = try take("source", { IPAddress($0) }) else { throw Self.error("source", "missing") }
        guard let destination = try take("destination", { IPAddress($0) }), destination.family == source.family else {
            throw Self.error("destination", "missing, or of another family than the source")
        }
        self.init(
            source: source, destination: destination, protocolNumber: try take("protocol") { UInt8($0) } ?? 17,
            sourcePort: try take("sourcePort") { UInt16($0) },
            destinationPort: try take("destinationPort") { UInt16($0) },
            length: try take("length") { Self.length($0) } ?? 1280,
            segmentLength: try take("segmentLength") { Self.length($0) },
            mayBeFragmented: try take("mayBeFragmented") { $0 == "true" } ?? false)
        if let unknown = fields.keys.sorted().first { throw Self.error(unknown, "not known") }
    }

    private static func length(_ text: String) -> Int? { Int(text).flatMap { (20...65535).contains($0) ? $0 : nil } }

    private static func error(_ field: String, _ problem: String) -> OverlayError {
        OverlayError(
            source: "the request", key: field, problem: problem,
            remedy: "use warrensctl and warrensd of the same version")
    }
}
