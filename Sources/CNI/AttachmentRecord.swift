public import Addressing
public import Host
public import JSON

/// What this node knows of one container interface, in a file below /run/warrens/attachments.
///
/// It is written before the first kernel object of an attachment exists and removed after the last is gone, so that
/// whatever a killed process left behind can be found.
public struct AttachmentRecord: Equatable, Sendable {
    public let attachment: Attachment
    /// What Kubernetes calls the pod, `namespace/name`; nil where the runtime does not say.
    public var podName: String?
    /// The path in CNI_NETNS, and the namespace that was behind it.
    public var namespacePath: String
    public var namespaceIdentity: FileIdentity
    /// The name of the network configuration.
    public var network: String
    /// The name of the bridge that the host's end is a port of.
    public var bridge: String
    /// The name of the host's end of the pod's veth pair.
    public var hostInterface: String
    /// The pod's hardware address as it was made; a plugin behind ours in the chain may have changed it since.
    public var mac: MACAddress
    /// The pod's addresses, as far as they were assigned; none any more once nothing in the kernel is left of them,
    /// because the next pod may have them soon after.
    public var addresses: [IPAddress]
    /// The addresses of the pod's gateways.
    public var gateways: [IPAddress]
    /// Its traffic leaves with the node's address.
    public var isMasqueraded: Bool
    public var phase: Phase

    /// How far an attachment has come. One that stays in the first or last phase belongs to a killed process.
    public enum Phase: String, Sendable {
        /// ADD works on it.
        case attaching
        /// ADD has done all but tell the runtime, which answers a plugin that dies untold with DEL.
        case attached
        /// DEL or GC works on it; nothing may be made for it any more.
        case detaching
    }

    public init(
        _ attachment: Attachment, namespacePath: String, namespaceIdentity: FileIdentity, network: String,
        bridge: String, hostInterface: String, mac: MACAddress, addresses: [IPAddress], gateways: [IPAddress],
        isMasqueraded: Bool, phase: Phase, podName: String? = nil
    ) {
        self.attachment = attachment
        self.podName = podName
        self.namespacePath = namespacePath
        self.namespaceIdentity = namespaceIdentity
        self.network = network
        self.bridge = bridge
        self.hostInterface = hostInterface
        self.mac = mac
        self.addresses = addresses
        self.gateways = gateways
        self.isMasqueraded = isMasqueraded
        self.phase = phase
    }

    /// The record as its file holds it.
    public var json: JSONObject {
        var json: JSONObject = [
            "containerID": .string(attachment.containerID),
            "interfaceName": .string(attachment.interfaceName),
            "networkNamespace": [
                "path": .string(namespacePath),
                "device": .number(namespaceIdentity.device),
                "inode": .number(namespaceIdentity.inode),
            ],
            "network": .string(network),
            "bridge": .string(bridge),
            "hostInterface": .string(hostInterface),
            "mac": .string(mac.description),
            "addresses": .array(addresses.map { .string($0.description) }),
            "gateways": .array(gateways.map { .string($0.description) }),
            "masquerade": .bool(isMasqueraded),
            "phase": .string(phase.rawValue),
        ]
        if let podName { json["podName"] = .string(podName) }
        return json
    }
}

extension AttachmentRecord {
    /// Reads a record; nil where a member is missing or malformed.
    public init?(json: JSONObject) {
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
        let attachment = Attachment(containerID: containerID, interfaceName: interfaceName)
        self.init(
            attachment, namespacePath: path, namespaceIdentity: FileIdentity(device: device, inode: inode),
            network: network, bridge: bridge, hostInterface: hostInterface,
            // Records of older versions lack it.
            mac: json["mac"]?.stringValue.flatMap(MACAddress.init) ?? attachment.podMAC,
            addresses: addresses, gateways: gateways, isMasqueraded: isMasqueraded, phase: phase,
            podName: json["podName"]?.stringValue)
    }

    private static func addresses(_ value: JSONValue?) -> [IPAddress]? {
        guard let texts = value?.arrayValue else { return nil }
        let addresses = texts.compactMap { $0.stringValue.flatMap(IPAddress.init) }
        return addresses.count == texts.count ? addresses : nil
    }
}
