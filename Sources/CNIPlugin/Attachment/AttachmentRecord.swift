internal import Addressing
internal import CNI
internal import Host
internal import JSON

/// What this node knows of one container interface, in a file below /run/warrens/attachments.
///
/// It is written before the first kernel object of an attachment exists and removed after the last is gone, so that
/// whatever a killed process left behind can be found.
struct AttachmentRecord: Equatable {
    var containerID: String
    var interfaceName: String
    /// The path in CNI_NETNS, and the namespace that was behind it.
    var namespacePath: String
    var namespaceIdentity: FileIdentity
    /// The name of the network configuration.
    var network: String
    var bridge: String
    var hostInterface: String
    /// The pod's addresses, as far as they were assigned; none any more once nothing in the kernel is left of them,
    /// because the next pod may have them soon after.
    var addresses: [IPAddress]
    /// The addresses of the pod's gateways.
    var gateways: [IPAddress]
    /// Its traffic leaves with the node's address.
    var isMasqueraded: Bool
    var phase: Phase

    /// How far an attachment has come. One that stays in the first or last phase belongs to a killed process.
    enum Phase: String {
        /// ADD works on it.
        case attaching
        /// ADD has done all but tell the runtime, which answers a plugin that dies untold with DEL.
        case attached
        /// DEL or GC works on it; nothing may be made for it any more.
        case detaching
    }

    var attachment: Attachment { Attachment(containerID: containerID, interfaceName: interfaceName) }

    var json: JSONObject {
        [
            "containerID": .string(containerID),
            "interfaceName": .string(interfaceName),
            "networkNamespace": [
                "path": .string(namespacePath),
                "device": .number(namespaceIdentity.device),
                "inode": .number(namespaceIdentity.inode),
            ],
            "network": .string(network),
            "bridge": .string(bridge),
            "hostInterface": .string(hostInterface),
            "addresses": .array(addresses.map { .string($0.description) }),
            "gateways": .array(gateways.map { .string($0.description) }),
            "masquerade": .bool(isMasqueraded),
            "phase": .string(phase.rawValue),
        ]
    }
}

extension AttachmentRecord {
    /// Reads a record; nil where a member is missing or malformed.
    init?(json: JSONObject) {
        guard let containerID = json["containerID"]?.stringValue,
            let interfaceName = json["interfaceName"]?.stringValue,
            let namespace = json["networkNamespace"]?.objectValue,
            let path = namespace["path"]?.stringValue,
            let device = namespace["device"]?.numberValue.flatMap({ UInt64($0.text) }),
            let inode = namespace["inode"]?.numberValue.flatMap({ UInt64($0.text) }),
            let network = json["network"]?.stringValue,
            let bridge = json["bridge"]?.stringValue,
            let hostInterface = json["hostInterface"]?.stringValue,
            let addresses = Self.addresses(json["addresses"]),
            let gateways = Self.addresses(json["gateways"]),
            let isMasqueraded = json["masquerade"]?.boolValue,
            let phase = json["phase"]?.stringValue.flatMap(Phase.init)
        else { return nil }
        self.init(
            containerID: containerID, interfaceName: interfaceName, namespacePath: path,
            namespaceIdentity: FileIdentity(device: device, inode: inode), network: network, bridge: bridge,
            hostInterface: hostInterface, addresses: addresses, gateways: gateways,
            isMasqueraded: isMasqueraded, phase: phase)
    }

    private static func addresses(_ value: JSONValue?) -> [IPAddress]? {
        guard let texts = value?.arrayValue else { return nil }
        let addresses = texts.compactMap { $0.stringValue.flatMap(IPAddress.init) }
        return addresses.count == texts.count ? addresses : nil
    }
}
