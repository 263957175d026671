public import JSON

/// What a runtime gives a plugin on its standard input: the plugin's object from the configuration list with what the
/// runtime adds (CNI specification 1.1.0, section 3).
public struct NetworkConfiguration: Sendable {
    /// The bytes as they came, for delegates.
    public let raw: [UInt8]
    public let document: JSONObject
    /// The version of the result that is asked for.
    public let version: SpecVersion
    /// The network's name; safe in a path.
    public let name: String
    /// The plugin's own name; empty where a caller left it out.
    public let type: String
    /// What earlier plugins of the chain, or on DEL and CHECK all of them, have answered.
    public let previousResult: AttachmentResult?
    public let ipam: JSONObject?
    /// The IPAM plugin to delegate to; nil where none is wanted.
    public let ipamType: String?
    public let dns: DNS?
    /// Values for the capabilities that the plugin declares.
    public let runtimeConfig: JSONObject
    /// `args.cni`: optional metadata (CNI conventions).
    public let arguments: JSONObject
    /// What the plugin declares that it can take in ``runtimeConfig``.
    public let capabilities: JSONObject
    /// On GC the attachments to keep. Nil where the configuration says nothing of them, which is no leave to remove
    /// anything; empty where none is left.
    public let validAttachments: [Attachment]?

    /// Reads and checks a configuration.
    ///
    /// - Parameter verb: DEL forgives what it can do without: there, parts that cannot be read count as absent.
    /// - Throws: Code 6 where it is no JSON object or has no readable version, 7 where a member is wrong, 1 where its
    ///   version is not supported or lacks the verb.
    public init(parsing raw: [UInt8], verb: Verb) throws(CNIError) {
        let document = try Self.document(raw)
        try self.init(document: document, raw: raw, version: Self.version(document, verb), verb: verb)
    }

    /// The rest of ``init(parsing:verb:)``, once it is known in which version to answer.
    init(document: JSONObject, raw: [UInt8], version: SpecVersion, verb: Verb) throws(CNIError) {
        let fields = Fields(document)
        self.raw = raw
        self.document = document
        self.version = version
        self.name = try Self.name(fields)

        let reader = Reader(fields: fields, forgiving: verb == .del)
        self.type = try reader.read { fields throws(CNIError) in try fields.string("type") } ?? ""
        self.previousResult = try reader.read { fields throws(CNIError) in
            guard let previous = try fields.fields("prevResult") else { return nil }
            return try AttachmentResult(
                Fields(previous.object, path: "prevResult", code: .decodingFailure), version: version)
        }
        let ipam = try reader.read { fields throws(CNIError) in try fields.fields("ipam") }
        self.ipam = ipam?.object
        self.ipamType = try reader.read { _ throws(CNIError) in
            guard let type = try ipam?.string("type"), !type.isEmpty else { return nil }
            return type
        }
        self.dns = try reader.read { fields throws(CNIError) in
            guard let dns = try fields.fields("dns") else { return nil }
            return try DNS(dns)
        }
        self.runtimeConfig = try reader.object("runtimeConfig")
        self.arguments =
            try reader.read { fields throws(CNIError) in try fields.fields("args")?.fields("cni")?.object } ?? [:]
        self.capabilities = try reader.object("capabilities")
        self.validAttachments = verb == .gc ? try Self.validAttachments(fields) : nil
    }

    /// Reads parts that a DEL can do without.
    private struct Reader {
        let fields: Fields
        let forgiving: Bool

        func read<Part>(_ part: (Fields) throws(CNIError) -> Part?) throws(CNIError) -> Part? {
            do throws(CNIError) {
                return try part(fields)
            } catch {
                if forgiving { return nil }
                throw error
            }
        }

        func object(_ key: String) throws(CNIError) -> JSONObject {
            try read { fields throws(CNIError) in try fields.fields(key)?.object } ?? [:]
        }
    }

    static func document(_ raw: [UInt8]) throws(CNIError) -> JSONObject {
        let value: JSONValue
        do throws(JSONError) {
            value = try JSONValue(parsing: raw)
        } catch {
            throw CNIError(
                .decodingFailure, "the network configuration on standard input is not valid JSON",
                details: error.description)
        }
        guard let document = value.objectValue else {
            throw CNIError(.decodingFailure, "the network configuration is \(value.kind) and not an object")
        }
        return document
    }

    private static func name(_ fields: Fields) throws(CNIError) -> String {
        guard let name = try fields.string("name"), !name.isEmpty else {
            throw CNIError(.invalidConfiguration, "missing network name")
        }
        guard Names.isIdentifier(name) else {
            throw CNIError(
                .invalidConfiguration, "invalid characters found in network name",
                details: fields.error("name", "is not letters, digits, _, . and -, the first a letter or digit").message
            )
        }
        return name
    }

    static func version(_ document: JSONObject, _ verb: Verb) throws(CNIError) -> SpecVersion {
        let fields = Fields(document, code: .decodingFailure)
        // A configuration without a version is from before there were versions.
        let text = try fields.string("cniVersion").flatMap { $0.isEmpty ? nil : $0 } ?? SpecVersion.v0_1_0.rawValue
        guard let version = SpecVersion(rawValue: text) else {
            let supported = SpecVersion.allCases.map { "\"\($0.rawValue)\"" }.joined(separator: ", ")
            throw CNIError(
                .incompatibleVersion, "incompatible CNI versions",
                details: "config is \"\(text)\", plugin supports [\(supported)]")
        }
        guard version >= verb.introducedIn else {
            throw CNIError(
                .incompatibleVersion, "config version does not allow \(verb.rawValue)",
                details: "config is \"\(text)\", \(verb.rawValue) needs \"\(verb.introducedIn.rawValue)\" or later")
        }
        return version
    }

    /// libcni writes the list under its name and under the name that an earlier text of the specification had.
    private static func validAttachments(_ fields: Fields) throws(CNIError) -> [Attachment]? {
        for key in ["cni.dev/valid-attachments", "cni.dev/attachments"] {
            guard let list = try fields.list(key) else { continue }
            var attachments: [Attachment] = []
            for entry in list {
                guard let containerID = try entry.string("containerID"), let name = try entry.string("ifname") else {
                    throw CNIError(.invalidConfiguration, "\(entry.path) lacks containerID or ifname")
                }
                attachments.append(Attachment(containerID: containerID, interfaceName: name))
            }
            return attachments
        }
        return nil
    }
}
