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
    /// The pod's addresses, as far as they were assigned.
    var addresses: [IPAddress]
    /// The addresses of the pod's gateways.
    var gateways: [IPAddress]
    /// Its traffic leaves with the node's address.
    var isMasqueraded: Bool
    /// False while ADD works, and for ever where it was killed.
    var complete: Bool

    var key: AttachmentKey { AttachmentKey(containerID: containerID, interfaceName: interfaceName) }

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
            "complete": .bool(complete),
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
            let complete = json["complete"]?.boolValue
        else { return nil }
        self.init(
            containerID: containerID, interfaceName: interfaceName, namespacePath: path,
            namespaceIdentity: FileIdentity(device: device, inode: inode), network: network, bridge: bridge,
            hostInterface: hostInterface, addresses: addresses, gateways: gateways,
            isMasqueraded: isMasqueraded, complete: complete)
    }

    private static func addresses(_ value: JSONValue?) -> [IPAddress]? {
        guard let texts = value?.arrayValue else { return nil }
        let addresses = texts.compactMap { $0.stringValue.flatMap(IPAddress.init) }
        return addresses.count == texts.count ? addresses : nil
    }
}
