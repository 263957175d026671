internal import Host

/// The variables by which a runtime talks to a plugin (CNI specification 1.1.0, section 2 "Parameters").
package struct Environment {
    private let variable: (String) -> String?

    package init(_ variable: @escaping (String) -> String?) {
        self.variable = variable
    }

    /// A variable's value; an empty one counts as absent.
    subscript(name: String) -> String? {
        variable(name).flatMap { $0.isEmpty ? nil : $0 }
    }

    /// The verb, or nil where none was given: somebody runs the plugin by hand.
    func verb() throws(CNIError) -> Verb? {
        guard let command = self["CNI_COMMAND"] else { return nil }
        guard let verb = Verb(rawValue: command) else {
            throw CNIError(.invalidEnvironment, "unknown CNI_COMMAND: \(command)")
        }
        return verb
    }

    func checkRequiredVariables(_ verb: Verb) throws(CNIError) {
        let missing = verb.requiredVariables.filter { self[$0] == nil }
        guard missing.isEmpty else {
            throw CNIError(.invalidEnvironment, "required env variables [\(missing.joined(separator: ","))] missing")
        }
    }

    /// Puts the variables and a configuration that has been read together.
    func request(_ verb: Verb, _ configuration: NetworkConfiguration) throws(CNIError) -> Request {
        let concerned = verb.concernsAttachment
        if concerned { try checkNames() }
        let namespace = concerned ? self["CNI_NETNS"] ?? "" : ""
        try checkNamespace(namespace)
        return Request(
            verb: verb, containerID: concerned ? self["CNI_CONTAINERID"] ?? "" : "", networkNamespace: namespace,
            interfaceName: concerned ? self["CNI_IFNAME"] ?? "" : "", arguments: try arguments(forgiving: verb == .del),
            pluginPath: (self["CNI_PATH"] ?? "").split(separator: ":").map(String.init), configuration: configuration)
    }

    private func checkNames() throws(CNIError) {
        if let id = self["CNI_CONTAINERID"], !Names.isIdentifier(id) {
            throw CNIError(
                .invalidEnvironment, "invalid characters in CNI_CONTAINERID",
                details: "\"\(id)\" is not letters, digits, _, . and -, the first a letter or digit")
        }
        if let name = self["CNI_IFNAME"], let problem = Names.problem(withInterfaceName: name) {
            throw CNIError(.invalidEnvironment, "invalid CNI_IFNAME", details: "\"\(name)\" \(problem)")
        }
    }

    /// A runtime that names the host's namespace as the container's would have us configure, or worse, delete the
    /// host's own interfaces; so this comes before any work.
    private func checkNamespace(_ path: String) throws(CNIError) {
        let override = self["CNI_NETNS_OVERRIDE"]?.uppercased()
        guard !path.isEmpty, override != "1", override != "TRUE",
            let container = Files.identity(of: path), let own = Files.identity(of: "/proc/thread-self/ns/net"),
            container == own
        else { return }
        throw CNIError(
            .invalidNetworkNamespace, "plugin's netns and netns from CNI_NETNS should not be the same",
            details: "CNI_NETNS is \"\(path)\", the namespace that the plugin runs in")
    }

    private func arguments(forgiving: Bool) throws(CNIError) -> [(key: String, value: String)] {
        guard let text = self["CNI_ARGS"] else { return [] }
        var arguments: [(key: String, value: String)] = []
        for pair in text.split(separator: ";", omittingEmptySubsequences: false) {
            let parts = pair.split(separator: "=", omittingEmptySubsequences: false)
            if parts.count == 2 {
                arguments.append((String(parts[0]), String(parts[1])))
            } else if !forgiving {
                throw CNIError(
                    .invalidEnvironment, "CNI_ARGS: invalid pair \"\(pair)\"", details: "it is not KEY=VALUE")
            }
        }
        return arguments
    }
}
