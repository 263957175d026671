internal import Host
internal import JSON

/// Runs a plugin by the contract between runtime and plugin: variables and standard input in, one JSON object on
/// standard output out, exit code 0 or 1.
public enum PluginMain {
    /// More than any configuration has: a GC may list every container of a large node.
    private static let inputLimit = 64 << 20

    /// Serves this process's one request.
    ///
    /// - Returns: The code to exit with.
    public static func run(_ plugin: some Plugin) -> Int32 {
        // Standard output may be closed when we answer; that must not end us in the middle of an undo.
        StandardStreams.ignoreBrokenPipes()
        return serve(
            plugin, Environment(environmentVariable), input: readInput, output: writeOutput,
            log: StandardStreams.writeError)
    }

    /// Answers one request by the given streams.
    ///
    /// - Returns: The code to exit with.
    package static func serve(
        _ plugin: some Plugin, _ environment: Environment, input: () throws(CNIError) -> [UInt8],
        output: ([UInt8]) throws(CNIError) -> Void, log: (String) -> Void
    ) -> Int32 {
        let (answer, added) = outcome(of: plugin, to: environment, input: input)
        if !answer.log.isEmpty { log(answer.log) }
        if !answer.output.isEmpty {
            do throws(CNIError) {
                try output(Array(answer.output.utf8))
            } catch {
                log("\(type(of: plugin).name): \(error.message): \(error.details)\n")
                if let added { undo(added, plugin, log) }
                return 1
            }
        }
        return answer.exitCode
    }

    /// Takes an attachment away whose result the runtime does not get.
    private static func undo<P: Plugin>(_ request: Request, _ plugin: P, _ log: (String) -> Void) {
        do throws(CNIError) {
            try plugin.delete(request.undone)
        } catch {
            log("\(P.name): cannot undo ADD: \(error.message): \(error.details)\n")
        }
    }

    /// What goes to the runtime.
    package struct Answer: Hashable {
        package var exitCode: Int32 = 0
        package var output = ""
        /// For people, on standard error.
        package var log = ""
    }

    package static func answer(
        of plugin: some Plugin, to environment: Environment, input: () throws(CNIError) -> [UInt8]
    ) -> Answer {
        outcome(of: plugin, to: environment, input: input).answer
    }

    /// - Returns: Also the request of an ADD that succeeded.
    private static func outcome<P: Plugin>(
        of plugin: P, to environment: Environment, input: () throws(CNIError) -> [UInt8]
    ) -> (answer: Answer, added: Request?) {
        var version = SpecVersion.newest
        do throws(CNIError) {
            guard let verb = try environment.verb() else { return (about(P.self), nil) }
            if verb == .version { return (supportedVersions, nil) }
            try environment.checkRequiredVariables(verb)
            let raw = try input()
            let document = try NetworkConfiguration.document(raw)
            // Whatever else is wrong with the configuration is answered in its own version.
            version = try NetworkConfiguration.version(document, verb)
            let configuration = try NetworkConfiguration(document: document, raw: raw, version: version, verb: verb)
            let request = try environment.request(verb, configuration)
            return (try perform(plugin, request), verb == .add ? request : nil)
        } catch {
            return (Answer(exitCode: 1, output: text(error.json(version: version))), nil)
        }
    }

    private static func readInput() throws(CNIError) -> [UInt8] {
        do throws(SystemError) {
            return try StandardStreams.readInput(limit: inputLimit)
        } catch {
            throw CNIError(
                .ioFailure, "cannot read the network configuration from standard input", details: error.description)
        }
    }

    private static func writeOutput(_ bytes: [UInt8]) throws(CNIError) {
        do throws(SystemError) {
            try StandardStreams.writeOutput(bytes)
        } catch {
            throw CNIError(.ioFailure, "cannot write the answer to standard output", details: error.description)
        }
    }

    private static func perform(_ plugin: some Plugin, _ request: Request) throws(CNIError) -> Answer {
        switch request.verb {
        case .add:
            let result = try plugin.add(request)
            do throws(CNIError) {
                return Answer(output: text(try result.json(version: request.configuration.version)))
            } catch {
                undo(request, plugin, StandardStreams.writeError)
                throw error
            }
        case .del: try plugin.delete(request)
        case .check: try plugin.check(request)
        case .gc: try plugin.garbageCollect(request)
        case .status: try plugin.status(request)
        case .version: return supportedVersions
        }
        return Answer()
    }

    private static var versionList: [String] { SpecVersion.allCases.map(\.rawValue) }

    /// The answer to VERSION. Standard input is not read: a runtime may leave it open.
    private static var supportedVersions: Answer {
        Answer(
            output: text([
                "cniVersion": .string(SpecVersion.newest.rawValue),
                "supportedVersions": .array(versionList.map { .string($0) }),
            ]))
    }

    private static func about(_ plugin: (some Plugin).Type) -> Answer {
        Answer(
            log: """
                CNI plugin \(plugin.name)
                CNI protocol versions supported: \(versionList.joined(separator: ", "))

                """)
    }

    private static func text(_ object: JSONObject) -> String {
        JSONValue.object(object).serialized(pretty: true) + "\n"
    }
}
