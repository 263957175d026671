internal import Host
internal import JSON

/// Another plugin to which a part of the work is handed, such as the IPAM plugin (CNI specification 1.1.0, section 4).
///
/// It gets our standard input byte for byte and our environment, and its standard error goes to ours.
public struct Delegate: Sendable {
    private let type: String
    private let executable: String
    private let request: Request
    private let depth: Int

    /// How many delegations lie between the runtime and this process. Configurations go to delegates unchanged, so one
    /// whose `ipam.type` names a plugin that delegates, such as ourselves, would go round for ever.
    private static let depthVariable = "WARRENS_DELEGATION_DEPTH"
    private static let greatestDepth = 3
    /// The reference plugins that look for their own delegate where we do: they would find themselves.
    private static let interfacePlugins: Set<String> = ["bridge", "ipvlan", "macvlan", "ptp", "vlan"]

    /// True for a plugin that can assign no addresses, so that none are to be handed back to it.
    public static func makesInterfaces(_ type: String) -> Bool { interfacePlugins.contains(type) }

    /// Looks for the plugin in the directories of `CNI_PATH`, in order.
    ///
    /// - Throws: Code 4 without `CNI_PATH`, 7 where `type` is not the name of an executable in it, or where plugins
    ///   delegate to each other in a circle.
    public init(type: String, request: Request) throws(CNIError) {
        let depth = environmentVariable(Self.depthVariable).flatMap { Int($0) } ?? 0
        try self.init(type: type, request: request, depth: depth)
    }

    init(type: String, request: Request, depth: Int) throws(CNIError) {
        guard !type.isEmpty, type != ".", type != "..",
            !type.utf8.contains(where: { $0 == 0x2f || $0 == 0x5c || $0 == 0 })
        else {
            throw CNIError(
                .invalidConfiguration, "invalid plugin type \"\(type)\"",
                details: "it is looked up in CNI_PATH and may hold no slash or backslash")
        }
        guard !Self.makesInterfaces(type) else {
            throw CNIError(
                .invalidConfiguration, "ipam.type: \"\(type)\" makes interfaces and is no IPAM plugin",
                details: "handed this configuration, it would run itself for ever; name an IPAM plugin such as "
                    + "\"warrens-ipam\"")
        }
        guard depth < Self.greatestDepth else {
            throw CNIError(
                .invalidConfiguration, "ipam.type: plugins delegate to each other in a circle",
                details: "\"\(type)\" delegates again; name an IPAM plugin such as \"warrens-ipam\"")
        }
        self.depth = depth
        guard !request.pluginPath.isEmpty else {
            throw CNIError(
                .invalidEnvironment, "required env variables [CNI_PATH] missing",
                details: "it says where the plugin \"\(type)\" is")
        }
        let candidates = request.pluginPath.map { "\($0)/\(type)" }
        guard let executable = candidates.first(where: Files.isExecutable) else {
            throw CNIError(
                .invalidConfiguration, "failed to find plugin \"\(type)\" in path \(request.pluginPath)",
                details: "install it in one of these directories, or correct ipam.type in the network configuration")
        }
        self.type = type
        self.executable = executable
        self.request = request
    }

    /// Runs ADD. Where that fails, DEL is run as well, so that the delegate has nothing left over.
    public func add() throws(CNIError) -> AttachmentResult { try prepare(.add).add() }
    public func delete() throws(CNIError) { _ = try run(.del) }
    public func check() throws(CNIError) { _ = try run(.check) }
    public func garbageCollect() throws(CNIError) { _ = try run(.gc) }
    public func status() throws(CNIError) { _ = try run(.status) }

    /// Starts the plugin, so that it is ready by the time when its work is due.
    public func prepare(_ verb: Verb) -> PreparedDelegate {
        PreparedDelegate(self, start(verb), input: request.configuration.raw)
    }

    func result(of output: [UInt8]) throws(CNIError) -> AttachmentResult {
        let object: JSONObject?
        do throws(JSONError) {
            object = try JSONValue(parsing: output).objectValue
        } catch {
            throw CNIError(
                .decodingFailure, "plugin \"\(type)\" printed a result that is not valid JSON",
                details: "\(error); it printed \(Self.quoted(output))")
        }
        guard let object else {
            throw CNIError(
                .decodingFailure, "plugin \"\(type)\" printed a result that is not an object",
                details: "it printed \(Self.quoted(output))")
        }
        do throws(CNIError) {
            return try AttachmentResult(json: object, version: request.configuration.version)
        } catch {
            throw error.prefixed("plugin \"\(type)\"")
        }
    }

    private func run(_ verb: Verb) throws(CNIError) -> [UInt8] { try prepare(verb).finish() }

    private func start(_ verb: Verb) -> Result<RunningProcess, SystemError> {
        Result { () throws(SystemError) in
            try RunningProcess(
                executable: executable, environment: ChildProcess.environment(setting: variables(verb)))
        }
    }

    /// What it printed, out of what came of it.
    func output(of outcome: Result<ChildProcess.Outcome, SystemError>) throws(CNIError) -> [UInt8] {
        switch outcome {
        case .failure(let error):
            throw CNIError(.internalError, "plugin \"\(type)\" cannot be run", details: error.description)
        case .success(let outcome):
            switch outcome.ending {
            case .exited(code: 0): return outcome.output
            case .exited(let code): throw failure(outcome, "failed with exit code \(code)")
            case .killed(let signal): throw failure(outcome, "was killed by signal \(signal)")
            }
        }
    }

    /// What differs from our own environment, or would if the request came from elsewhere.
    private func variables(_ verb: Verb) -> [(name: String, value: String)] {
        [
            ("CNI_COMMAND", verb.rawValue), ("CNI_CONTAINERID", request.containerID),
            ("CNI_NETNS", request.networkNamespace), ("CNI_IFNAME", request.interfaceName),
            ("CNI_ARGS", request.arguments.map { "\($0.key)=\($0.value)" }.joined(separator: ";")),
            ("CNI_PATH", request.pluginPath.joined(separator: ":")), (Self.depthVariable, "\(depth + 1)"),
        ]
    }

    private func failure(_ outcome: ChildProcess.Outcome, _ ending: String) -> CNIError {
        if let object = try? JSONValue(parsing: outcome.output).objectValue, let error = CNIError(json: object) {
            return error.prefixed("plugin \"\(type)\"")
        }
        // Without an error object, whatever it said may help.
        let said = outcome.output.isEmpty ? outcome.errorOutput : outcome.output
        let stream = outcome.output.isEmpty ? "standard error" : "standard output"
        return CNIError(
            .internalError, "plugin \"\(type)\" \(ending)",
            details: said.isEmpty ? "it printed nothing" : "its \(stream) was \(Self.quoted(said))")
    }

    private static func quoted(_ bytes: [UInt8]) -> String {
        let text = String(decoding: bytes.prefix(1024), as: UTF8.self)
        return JSONValue.string(text).serialized() + (bytes.count > 1024 ? "…" : "")
    }
}
