internal import Logging
internal import Service

/// The command line of `warrens-nodes`. What all processes of the node share is in the settings file.
struct Command {
    static let usage = """
        usage: warrens-nodes [--kubeconfig FILE] [--node-name NAME] [--listen ADDRESS:PORT]
                             [--conflist SOURCE --conflist-destination FILE] [--log-level LEVEL]

        Publishes this node's subnets on its Kubernetes Node, and keeps the node file from all Nodes.
        Settings: /etc/warrens/warrens.json.

          --kubeconfig FILE            how to reach the API server (KUBECONFIG); without it, the pod's service account
          --node-name NAME             this node's metadata.name (NODE_NAME, then the setting nodeName, then the host
                                       name in lower case)
          --listen ADDRESS:PORT        answer GET /healthz, /readyz, /metrics and /status here; :PORT for all addresses
          --conflist SOURCE            the network configuration to install once this node's claim is published
          --conflist-destination FILE  where to install it
          --log-level LEVEL            trace, debug, info (default), notice, warning, error or critical
          --version                    print the version and exit
          --help                       print this text and exit
        """

    var kubeconfig: String?
    var nodeName: String?
    var listen: ListeningPort?
    var conflist: Conflist?
    var logLevel = Logger.Level.info
    var wantsVersion = false
    var wantsHelp = false

    /// - Throws: A line that names the argument.
    init(_ arguments: [String]) throws(StartError) {
        var rest = arguments[...]
        var source: String?
        var destination: String?
        func value(_ argument: String, _ kind: String) throws(StartError) -> String {
            guard let value = rest.popFirst(), !value.isEmpty else { throw StartError("\(argument) needs \(kind)") }
            return value
        }
        while let argument = rest.popFirst() {
            switch argument {
            case "--kubeconfig": kubeconfig = try value(argument, "the path of a kubeconfig file")
            case "--node-name": nodeName = try value(argument, "this node's metadata.name")
            case "--listen":
                let text = try value(argument, "ADDRESS:PORT or :PORT")
                guard let port = ListeningPort(text) else {
                    throw StartError("--listen \(text): write ADDRESS:PORT, [IPv6 address]:PORT or :PORT")
                }
                listen = port
            case "--conflist": source = try value(argument, "the path of a network configuration list")
            case "--conflist-destination": destination = try value(argument, "the path to install it at")
            case "--version": wantsVersion = true
            case "--help", "-h": wantsHelp = true
            case "--log-level":
                guard let level = rest.popFirst().flatMap(Logger.Level.init(rawValue:)) else {
                    let levels = Logger.Level.allCases.map(\.rawValue).joined(separator: ", ")
                    throw StartError("--log-level needs one of \(levels)")
                }
                logLevel = level
            default: throw StartError("unknown argument \(argument); see warrens-nodes --help")
            }
        }
        guard (source == nil) == (destination == nil) else {
            throw StartError("--conflist and --conflist-destination go together: give both or none")
        }
        if let source, let destination { conflist = Conflist(source: source, destination: destination) }
    }
}

/// Why the process cannot start: one line that names the culprit, its value and the remedy.
struct StartError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
