public import Addressing
public import JSON

extension AttachmentResult {
    /// Reads a result in the shape of its own `cniVersion`, or of `version` where it names none.
    ///
    /// - Throws: ``CNIError/Code/decodingFailure`` with the member's path and value.
    public init(json: JSONObject, version: SpecVersion) throws(CNIError) {
        try self.init(Fields(json, path: "result", code: .decodingFailure), version: version)
    }

    init(_ fields: Fields, version: SpecVersion) throws(CNIError) {
        var version = version
        if let own = try fields.string("cniVersion"), !own.isEmpty {
            guard let known = SpecVersion(rawValue: own) else {
                throw fields.error("cniVersion", "is not a version that this plugin supports")
            }
            version = known
        }
        self.init()
        dns = try fields.fields("dns").map(DNS.init) ?? DNS()
        if version < .v0_3_0 {
            for key in ["ip4", "ip6"] {
                guard let part = try fields.fields(key) else { continue }
                addresses.append(
                    Address(address: try part.requiredPrefix("ip"), gateway: try part.address("gateway")))
                routes += try Self.routes(part)
            }
        } else {
            interfaces = try fields.list("interfaces").mapThrowing(Interface.init)
            addresses = try fields.list("ips").mapThrowing(Address.init)
            routes = try Self.routes(fields)
            for (index, address) in addresses.enumerated() {
                guard let interface = address.interface, interface >= interfaces.count else { continue }
                throw CNIError(
                    .decodingFailure,
                    "\(fields.name(of: "ips"))[\(index)].interface: \(interface) is not the index of one of the "
                        + "\(interfaces.count) interfaces")
            }
        }
    }

    private static func routes(_ fields: Fields) throws(CNIError) -> [Route] {
        try fields.list("routes").mapThrowing(Route.init)
    }
}

extension AttachmentResult.Interface {
    fileprivate init(_ fields: Fields) throws(CNIError) {
        self.init(
            name: try fields.string("name") ?? "", mac: try fields.string("mac") ?? "",
            mtu: try fields.int("mtu", in: 0...Int(UInt32.max)), sandbox: try fields.string("sandbox") ?? "",
            socketPath: try fields.string("socketPath") ?? "", pciID: try fields.string("pciID") ?? "")
    }
}

extension AttachmentResult.Address {
    fileprivate init(_ fields: Fields) throws(CNIError) {
        self.init(
            address: try fields.requiredPrefix("address"), gateway: try fields.address("gateway"),
            interface: try fields.int("interface", in: 0...Int(Int32.max)))
    }
}

extension AttachmentResult.Route {
    /// Reads a route as it stands in results and, as `routes`, in the configuration of IPAM plugins.
    public init(_ fields: Fields) throws(CNIError) {
        let range = 0...Int(UInt32.max)
        self.init(
            destination: try fields.requiredPrefix("dst"), gateway: try fields.address("gw"),
            mtu: try fields.int("mtu", in: range), advertisedMSS: try fields.int("advmss", in: range),
            priority: try fields.int("priority", in: range), table: try fields.int("table", in: range),
            scope: try fields.int("scope", in: 0...255))
    }
}

extension DNS {
    /// Reads the object that configurations and results call `dns`.
    public init(_ fields: Fields) throws(CNIError) {
        self.init(
            nameservers: try fields.strings("nameservers") ?? [], domain: try fields.string("domain") ?? "",
            search: try fields.strings("search") ?? [], options: try fields.strings("options") ?? [])
    }
}

extension Fields {
    /// An address; an empty string stands for none, as Go writes it.
    public func address(_ key: String) throws(CNIError) -> IPAddress? {
        guard let text = try string(key), !text.isEmpty else { return nil }
        guard let address = IPAddress(text) else { throw error(key, "is not an IP address") }
        return address
    }

    /// An address with the length of its subnet, which must be there.
    func requiredPrefix(_ key: String) throws(CNIError) -> IPPrefix {
        guard let prefix = try prefix(key) else { throw error(key, "is not an address with a prefix length") }
        return prefix
    }

    public func prefix(_ key: String) throws(CNIError) -> IPPrefix? {
        guard let text = try string(key) else { return nil }
        guard let prefix = IPPrefix(text) else { throw error(key, "is not an address with a prefix length") }
        return prefix
    }
}

extension Optional {
    /// The elements of a list that may be absent, each made from its members.
    fileprivate func mapThrowing<Element>(
        _ make: (Fields) throws(CNIError) -> Element
    ) throws(CNIError) -> [Element] where Wrapped == [Fields] {
        var elements: [Element] = []
        for fields in self ?? [] { elements.append(try make(fields)) }
        return elements
    }
}
