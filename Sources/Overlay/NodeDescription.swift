import Addressing
internal import Host

/// The members of one Kubernetes Node that matter here, as they stand in the file.
public struct NodeDescription: Sendable {
    public var name: String?
    /// Which state of the Node this is, by the API server's own mark (`metadata.resourceVersion`).
    public var resourceVersion: String?
    public var machineID: String?
    /// The annotations below `warrens.io/`, without that prefix.
    public var annotations: [String: String] = [:]
    /// `status.addresses`: type and address.
    public var addresses: [(type: String, address: String)] = []
    /// Members of a wrong type, found while reading.
    var misshapen: [(field: String, message: String)] = []

    public static let annotationPrefix = "warrens.io/"

    public init() {}

    /// What follows from it; nil where the node file's readers would skip this node.
    public func entry(settings: Settings) -> NodeEntry? {
        var interpreter = NodeInterpreter(self, position: 1, settings: settings)
        return interpreter.entry()
    }

    /// What to call the node in a problem.
    func label(position: Int) -> String {
        guard let name, !name.isEmpty else { return "item \(position)" }
        return name.utf8.count <= 253 ? name : String(name.prefix(253))
    }
}

/// Turns a ``NodeDescription`` into a ``NodeEntry``, collecting every problem on the way.
struct NodeInterpreter {
    private let description: NodeDescription
    private let settings: Settings
    private let label: String
    private(set) var problems: [NodeProblem] = []
    private var isUsable = true

    /// - Parameter position: Counts the file's nodes from 1; it names a node that has no name.
    init(_ description: NodeDescription, position: Int, settings: Settings) {
        self.description = description
        self.settings = settings
        label = description.label(position: position)
    }

    /// The entry, or nil where a problem forbids to use it.
    mutating func entry() -> NodeEntry? {
        for (field, message) in description.misshapen { refuse(field, message) }
        warnOfMisspellings()
        let name = name()
        let nodeID = nodeID()
        let announced = prefixes("subnets", longest: NodeSubnet.longestPrefix)
        let subnets = announced ?? nodeID.map(computedSubnets) ?? []
        if announced == [], isUsable {
            refuse(annotation: "subnets", description.annotations["subnets"] ?? "", "write prefixes or leave it out")
        } else if subnets.isEmpty, isUsable {
            refuse(
                "status.nodeInfo.machineID",
                "missing; annotate the node with warrens.io/node-id or warrens.io/subnets")
        }
        let (endpoints, isDynamic) = endpoints()
        let entry = NodeEntry(
            name: name, nodeID: nodeID, subnets: subnets, announcesSubnets: announced != nil,
            routes: prefixes("routes", longest: \.bitWidth) ?? [], endpoints: endpoints, isDynamic: isDynamic,
            internalAddresses: addresses("InternalIP"), externalAddresses: addresses("ExternalIP"),
            features: features(), version: version(), publicKey: publicKey(), isRelay: isRelay(), claim: claim())
        if isUsable, endpoints == nil, entry.internalAddresses.isEmpty, entry.externalAddresses.isEmpty {
            warn("status.addresses", "no address; annotate the node with warrens.io/endpoints (or \"dynamic\")")
        }
        return isUsable ? entry : nil
    }

    // MARK: Problems

    private mutating func warn(_ field: String, _ message: String) {
        problems.append(NodeProblem(node: label, field: field, message: message))
    }

    private mutating func refuse(_ field: String, _ message: String) {
        warn(field, message)
        isUsable = false
    }

    private mutating func refuse(annotation key: String, _ value: some StringProtocol, _ remedy: String) {
        refuse(
            NodeDescription.annotationPrefix + key,
            "\(String(value.prefix(200)).debugDescription) cannot be used; \(remedy)")
    }

    private static let knownAnnotations = [
        "node-id", "subnets", "claim", "endpoints", "features", "version", "public-key", "relay", "routes",
    ]

    private mutating func warnOfMisspellings() {
        let unknown = description.annotations.keys.filter { !Self.knownAnnotations.contains($0) }
        for key in unknown.sorted() {
            // What is unknown and near to nothing comes from a later version, and is none of our business.
            guard let guess = Spelling.nearest(to: key, among: Self.knownAnnotations) else { continue }
            warn(NodeDescription.annotationPrefix + key, "unknown; did you mean \"warrens.io/\(guess)\"?")
        }
    }

    // MARK: Fields

    private mutating func name() -> String {
        let name = description.name ?? ""
        guard (1...253).contains(name.utf8.count), name.utf8.allSatisfy({ (0x21...0x7e).contains($0) }) else {
            refuse(
                "metadata.name", name.isEmpty ? "missing; give the node a name" : "not a name of 1 to 253 characters")
            return ""
        }
        return name
    }

    private mutating func nodeID() -> NodeID? {
        if let text = description.annotations["node-id"] {
            guard let nodeID = NodeID(text) else {
                refuse(annotation: "node-id", text, "write 16 hexadecimal digits")
                return nil
            }
            return nodeID
        }
        guard let text = description.machineID, !text.isEmpty else { return nil }
        guard let machineID = MachineID(text) else {
            // Announced subnets do without it; virtual nodes have no machine id worth the name.
            if description.annotations["subnets"] == nil {
                refuse(
                    "status.nodeInfo.machineID",
                    "\(String(text.prefix(64)).debugDescription) is not a machine id; annotate the node with warrens.io/node-id"
                )
            }
            return nil
        }
        return NodeID(machineID: machineID)
    }

    private func computedSubnets(_ nodeID: NodeID) -> [IPPrefix] {
        SelfAssignment.subnets(of: nodeID, settings: settings).map(\.prefix)
    }

    private mutating func prefixes(_ key: String, longest: (IPFamily) -> Int) -> [IPPrefix]? {
        guard let text = description.annotations[key] else { return nil }
        var prefixes: [IPPrefix] = []
        for part in Self.parts(text) {
            guard let prefix = IPPrefix(part), prefix.isNetwork else {
                refuse(annotation: key, part, "write prefixes without host bits, such as 10.220.106.0/24")
                continue
            }
            guard Self.isUsable(prefix, longest: longest) else {
                refuse(annotation: key, part, "write a unicast prefix of 1 to \(longest(prefix.family)) bits")
                continue
            }
            if !prefixes.contains(prefix) { prefixes.append(prefix) }
        }
        return prefixes
    }

    private mutating func endpoints() -> (announced: [Endpoint]?, isDynamic: Bool) {
        guard let text = description.annotations["endpoints"] else { return (nil, false) }
        var endpoints: [Endpoint] = []
        var isDynamic = false
        for part in Self.parts(text) {
            if part == "dynamic" {
                isDynamic = true
            } else if let endpoint = Endpoint(part) {
                endpoints.append(endpoint)
            } else {
                refuse(annotation: "endpoints", part, "write host:port, [IPv6 address]:port or dynamic")
            }
        }
        return (endpoints, isDynamic)
    }

    private mutating func addresses(_ type: String) -> [IPAddress] {
        var addresses: [IPAddress] = []
        for candidate in description.addresses where candidate.type == type {
            guard let address = IPAddress(candidate.address) else {
                refuse("status.addresses", "\(candidate.address.prefix(64).debugDescription) is not an address")
                continue
            }
            guard Endpoint.isReachable(address), !address.isLoopback else {
                // Link-local IPv6 addresses are in many nodes' lists, beside one that others can use.
                if !address.isLinkLocal { warn("status.addresses", "\(address) is no address that others can reach") }
                continue
            }
            if !addresses.contains(address) { addresses.append(address) }
        }
        return addresses
    }

    private mutating func features() -> Set<String> {
        guard let text = description.annotations["features"] else { return [] }
        let features = Set(Self.parts(text))
        for unknown in features.subtracting(Self.knownFeatures).sorted() {
            warn(
                NodeDescription.annotationPrefix + "features",
                "\(String(unknown.prefix(64)).debugDescription) is unknown here; the features are "
                    + Self.knownFeatures.joined(separator: ", "))
        }
        return features
    }

    private static let knownFeatures = ["ebpf", "checksum-deferral", "zero-checksum6", "gpe"]

    private mutating func version() -> String? {
        guard let text = description.annotations["version"] else { return nil }
        guard (1...64).contains(text.utf8.count), text.utf8.allSatisfy({ (0x21...0x7e).contains($0) }) else {
            // For people alone: no reason to do without the node.
            warn(
                NodeDescription.annotationPrefix + "version",
                "\(String(text.prefix(64)).debugDescription) is left out; write a version such as 0.1.0")
            return nil
        }
        return text
    }

    private mutating func publicKey() -> [UInt8]? {
        guard let text = description.annotations["public-key"] else { return nil }
        guard let key = Base64.bytes(text), key.count == 32 else {
            refuse(annotation: "public-key", text, "write 32 bytes in base64")
            return nil
        }
        return key
    }

    private mutating func isRelay() -> Bool {
        guard let text = description.annotations["relay"] else { return false }
        if text != "true", text != "false" { refuse(annotation: "relay", text, "write \"true\" or leave it out") }
        return text == "true"
    }

    private mutating func claim() -> Claim {
        guard let text = description.annotations["claim"] else { return Claim() }
        guard let claim = Claim(text) else {
            refuse(annotation: "claim", text, "write generation=N,since=2026-03-01T12:00:00Z,draining=CIDR;CIDR")
            return Claim()
        }
        for prefix in claim.draining where !Self.isUsable(prefix, longest: NodeSubnet.longestPrefix) {
            refuse(
                annotation: "claim", "draining=\(prefix)",
                "write unicast prefixes of 1 to \(NodeSubnet.longestPrefix(prefix.family)) bits")
        }
        return claim
    }

    /// The parts between commas, without spaces around them; empty ones are dropped.
    private static func parts(_ text: String) -> [String] {
        text.split(separator: ",").compactMap { part in
            // Rarely is there any space.
            if part.utf8.allSatisfy({ (0x21...0x7e).contains($0) }) { return String(part) }
            let words = part.split(whereSeparator: \.isWhitespace)
            return words.isEmpty ? nil : words.joined(separator: " ")
        }
    }

    private static func isUsable(_ prefix: IPPrefix, longest: (IPFamily) -> Int) -> Bool {
        (1...longest(prefix.family)).contains(prefix.length) && prefix.isUnicast
    }
}
