import Addressing
import CNI
import Host
import JSON

/// The addresses that one attachment has, and what tells whether the attachment still exists.
struct Lease: Hashable {
    struct Address: Hashable {
        /// With the length of its subnet.
        let address: IPPrefix
        let gateway: IPAddress?
        /// The pool that the address goes back to.
        let pool: PoolName
    }

    let network: String
    let attachment: Attachment
    /// The type of the network's plugin, which tells what it makes for a pod; empty in leases that do not say.
    let plugin: String
    /// The path of the container's network namespace.
    let namespacePath: String
    /// What the path led to; nil where it led nowhere.
    let namespaceIdentity: FileIdentity?
    let bootID: String
    let addresses: [Address]

    /// True for the names under which lease files are written.
    static func isTemporaryName(_ name: String) -> Bool {
        name.hasSuffix(".tmp") && Attachment.isFileName(String(name.prefix { $0 != "." }) + Attachment.fileSuffix)
    }
}

extension Lease {
    var content: [UInt8] {
        var namespace: JSONObject = ["path": .string(namespacePath)]
        if let identity = namespaceIdentity {
            namespace["device"] = .number(identity.device)
            namespace["inode"] = .number(identity.inode)
        }
        let document: JSONValue = [
            "network": .string(network), "containerID": .string(attachment.containerID),
            "interfaceName": .string(attachment.interfaceName), "plugin": .string(plugin),
            "networkNamespace": .object(namespace),
            "bootID": .string(bootID), "addresses": .array(addresses.map(\.json)),
        ]
        return Array((document.serialized() + "\n").utf8)
    }

    /// Reads what ``content`` wrote, or nil where it is anything else: a torn or foreign file.
    init?(content: [UInt8]) {
        guard let document = try? JSONValue(parsing: content).objectValue,
            let network = document["network"]?.stringValue,
            let containerID = document["containerID"]?.stringValue,
            let interfaceName = document["interfaceName"]?.stringValue,
            let namespace = document["networkNamespace"]?.objectValue, let path = namespace["path"]?.stringValue,
            let bootID = document["bootID"]?.stringValue, let entries = document["addresses"]?.arrayValue
        else { return nil }
        self.network = network
        self.attachment = Attachment(containerID: containerID, interfaceName: interfaceName)
        self.plugin = document["plugin"]?.stringValue ?? ""
        self.namespacePath = path
        self.namespaceIdentity = Self.identity(namespace)
        self.bootID = bootID
        self.addresses = entries.compactMap(Address.init(json:))
        guard addresses.count == entries.count, !addresses.isEmpty else { return nil }
    }

    private static func identity(_ namespace: JSONObject) -> FileIdentity? {
        guard let device = namespace["device"]?.numberValue, let inode = namespace["inode"]?.numberValue,
            let device = UInt64(device.text), let inode = UInt64(inode.text)
        else { return nil }
        return FileIdentity(device: device, inode: inode)
    }
}

extension Lease.Address {
    fileprivate var json: JSONValue {
        var object: JSONObject = ["address": .string(address.description), "pool": .string(pool.description)]
        if let gateway { object["gateway"] = .string(gateway.description) }
        return .object(object)
    }

    fileprivate init?(json: JSONValue) {
        guard let object = json.objectValue, let address = object["address"]?.stringValue.flatMap({ IPPrefix($0) }),
            let pool = object["pool"]?.stringValue.flatMap({ PoolName($0) })
        else { return nil }
        self.init(
            address: address, gateway: object["gateway"]?.stringValue.flatMap { IPAddress($0) }, pool: pool)
    }
}
