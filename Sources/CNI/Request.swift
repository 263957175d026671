/// The checked input of one execution of a plugin.
public struct Request: Sendable {
    public let verb: Verb
    /// Empty for GC and STATUS, which are about no container.
    public let containerID: String
    /// The path of the container's network namespace. On DEL it may be empty, or lead nowhere.
    public let networkNamespace: String
    /// The name of the interface in the container.
    public let interfaceName: String
    /// `CNI_ARGS`, taken apart.
    public let arguments: [(key: String, value: String)]
    /// The directories of `CNI_PATH`, where delegates are searched for.
    public let pluginPath: [String]
    public let configuration: NetworkConfiguration

    public init(
        verb: Verb, containerID: String, networkNamespace: String, interfaceName: String,
        arguments: [(key: String, value: String)], pluginPath: [String], configuration: NetworkConfiguration
    ) {
        self.verb = verb
        self.containerID = containerID
        self.networkNamespace = networkNamespace
        self.interfaceName = interfaceName
        self.arguments = arguments
        self.pluginPath = pluginPath
        self.configuration = configuration
    }

    public var attachment: Attachment {
        Attachment(containerID: containerID, interfaceName: interfaceName)
    }

    /// The DEL that takes back what this ADD did.
    var undone: Request {
        Request(
            verb: .del, containerID: containerID, networkNamespace: networkNamespace, interfaceName: interfaceName,
            arguments: arguments, pluginPath: pluginPath, configuration: configuration)
    }

    /// The value of an argument of `CNI_ARGS`; of equal keys the last one counts.
    public func argument(_ key: String) -> String? {
        arguments.last { $0.key == key }?.value
    }

    /// What Kubernetes calls the pod, `namespace/name`; nil where the runtime does not say.
    public var podName: String? {
        guard let name = argument("K8S_POD_NAME"), let space = argument("K8S_POD_NAMESPACE") else { return nil }
        return "\(space)/\(name)"
    }

    /// Refuses arguments that this plugin does not know, unless `IgnoreUnknown` allows them, as Kubernetes does.
    public func rejectUnknownArguments(known: Set<String>) throws(CNIError) {
        if let ignore = argument("IgnoreUnknown") {
            switch ignore.lowercased() {
            case "1", "true": return
            case "0", "false": break
            default:
                throw CNIError(.invalidEnvironment, "CNI_ARGS: IgnoreUnknown is \"\(ignore)\", not 1, 0, true or false")
            }
        }
        let unknown = arguments.map(\.key).filter { $0 != "IgnoreUnknown" && !known.contains($0) }
        guard unknown.isEmpty else {
            throw CNIError(
                .invalidEnvironment, "CNI_ARGS: unknown args [\(unknown.joined(separator: " "))]",
                details: "add IgnoreUnknown=1 to CNI_ARGS to have them ignored")
        }
    }
}
