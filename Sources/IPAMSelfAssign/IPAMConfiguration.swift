import Addressing
import CNI
import JSON
import Overlay

/// What the network configuration says about addresses: the keys of the reference plugin `host-local`.
struct IPAMConfiguration {
    /// A range as it was written.
    struct Range {
        let subnet: IPPrefix
        let first: IPAddress?
        let last: IPAddress?
        let gateway: IPAddress?
        /// Where it stands, for messages.
        let path: String
    }

    /// Empty for self-assignment; else an attachment gets one address of each element.
    let rangeSets: [[Range]]
    let routes: [AttachmentResult.Route]
    /// A file in the form of resolv.conf(5) to answer as `dns`.
    let resolvConf: String?
    /// Where the leases are kept, in place of /run/warrens/leases.
    let dataDirectory: String?
    /// False where the configuration says that the overlay does not carry these addresses.
    let isTunnelled: Bool

    private static let knownKeys: Set<String> = [
        "type", "ranges", "subnet", "rangeStart", "rangeEnd", "gateway", "routes", "resolvConf", "dataDir",
    ]

    /// Cluster-wide settings under the names by which they are called elsewhere.
    private static func isClusterKey(_ key: String) -> Bool {
        Settings.Key(rawValue: key) != nil || key == "prefix" || key == "width"
    }

    init(_ configuration: NetworkConfiguration, settingsPath: String) throws(CNIError) {
        let ipam = Fields(configuration.ipam ?? [:], path: "ipam")
        try Self.rejectOtherKeys(ipam, settingsPath: settingsPath)
        let document = Fields(configuration.document)

        var sets: [[Range]] = []
        let runtime = Fields(configuration.runtimeConfig, path: "runtimeConfig")
        sets += try Self.rangeSets(runtime, "ipRanges")
        if ipam.object["subnet"] != nil {
            sets.append([try Self.range(ipam)])
        } else if let stray = ["rangeStart", "rangeEnd", "gateway"].first(where: { ipam.object[$0] != nil }) {
            throw ipam.error(stray, "needs ipam.subnet beside it")
        }
        sets += try Self.rangeSets(ipam, "ranges")
        rangeSets = sets

        var routes: [AttachmentResult.Route] = []
        for route in try ipam.list("routes") ?? [] { routes.append(try AttachmentResult.Route(route)) }
        self.routes = routes
        resolvConf = try ipam.string("resolvConf").flatMap { $0.isEmpty ? nil : $0 }
        dataDirectory = try Self.dataDirectory(ipam)
        isTunnelled = try document.fields("tunnel")?.bool("enabled") ?? true
    }

    /// Where the leases are kept; nil also where the configuration makes no sense. For DEL, which goes on regardless.
    static func dataDirectory(_ configuration: NetworkConfiguration) -> String? {
        (try? dataDirectory(Fields(configuration.ipam ?? [:], path: "ipam"))) ?? nil
    }

    private static func dataDirectory(_ ipam: Fields) throws(CNIError) -> String? {
        guard var path = try ipam.string("dataDir"), !path.isEmpty else { return nil }
        guard path.hasPrefix("/"), !path.utf8.contains(0) else {
            throw ipam.error("dataDir", "is not an absolute path")
        }
        while path.count > 1, path.hasSuffix("/") { path.removeLast() }
        return path
    }

    private static func rejectOtherKeys(_ ipam: Fields, settingsPath: String) throws(CNIError) {
        for key in ipam.object.keys where !knownKeys.contains(key) {
            if isClusterKey(key) {
                throw CNIError(
                    .invalidConfiguration, ipam.error(key, "has to be the same on every node").message,
                    details:
                        "set it in \(settingsPath), which all of Warrens reads, and not in the network configuration")
            }
            throw CNIError(
                .unsupportedField, ipam.error(key, "is not supported").message,
                details: "the keys are \(knownKeys.sorted().joined(separator: ", "))")
        }
    }

    private static func rangeSets(_ fields: Fields, _ key: String) throws(CNIError) -> [[Range]] {
        var sets: [[Range]] = []
        for (index, element) in (try fields.array(key) ?? []).enumerated() {
            let path = "\(fields.name(of: key))[\(index)]"
            guard let elements = element.arrayValue, !elements.isEmpty else {
                throw CNIError(.invalidConfiguration, "\(path): \(element.kind) is not a list of ranges")
            }
            var set: [Range] = []
            for (index, element) in elements.enumerated() {
                guard let object = element.objectValue else {
                    throw CNIError(.invalidConfiguration, "\(path)[\(index)]: \(element.kind) is not an object")
                }
                set.append(try range(Fields(object, path: "\(path)[\(index)]")))
            }
            guard set.allSatisfy({ $0.subnet.family == set[0].subnet.family }) else {
                throw CNIError(.invalidConfiguration, "\(path): the ranges of a set are of different families")
            }
            sets.append(set)
        }
        return sets
    }

    private static func range(_ fields: Fields) throws(CNIError) -> Range {
        guard let subnet = try fields.prefix("subnet") else {
            throw CNIError(.invalidConfiguration, "\(fields.path): a range needs a subnet")
        }
        guard subnet.isNetwork else { throw fields.error("subnet", "has host bits set; write \(subnet.network)") }
        for key in ["rangeStart", "rangeEnd"] {
            guard let address = try fields.address(key) else { continue }
            guard subnet.contains(address) else { throw fields.error(key, "is not in the subnet \(subnet)") }
        }
        let gateway = try fields.address("gateway")
        if let gateway, gateway.family != subnet.family {
            throw fields.error("gateway", "is not of the subnet's family")
        }
        return Range(
            subnet: subnet, first: try fields.address("rangeStart"), last: try fields.address("rangeEnd"),
            gateway: gateway, path: fields.path)
    }
}
