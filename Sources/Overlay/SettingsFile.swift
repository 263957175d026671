import Addressing
public import Host
public import JSON

extension Settings {
    /// The keys of the settings file.
    public enum Key: String, CaseIterable, Sendable {
        case profile, v4Prefix, v4Width, v6Prefix, families, subnets, nodeName, nodeFile, nodeSource, serviceCIDRs
        case port, localPort, datapath, framing, fastPath, aggregation, encryption, sourceCheck, sourcePorts
        case keepalive, batching, queues, mtu
    }

    /// Reads this machine's settings; a file that does not exist means the defaults. The environment variable `NODE_NAME`
    /// goes before ``nodeName``: pods of a DaemonSet share one file, and each is told its node's name.
    ///
    /// - Throws: Where the file cannot be read or says something that makes no sense: file, key, value and remedy.
    public static func load(_ paths: NodePaths) throws(OverlayError) -> Settings {
        let path = paths.settings
        let content: [UInt8]?
        do throws(SystemError) {
            content = try Files.readIfPresent(path)
        } catch {
            throw OverlayError(error, source: path, remedy: "make the file readable, or remove it to use the defaults")
        }
        guard let content else { return try Settings.default.named(by: "NODE_NAME") }
        let document: JSONValue
        do throws(JSONError) {
            document = try JSONValue(parsing: content)
        } catch {
            throw OverlayError(
                source: path, problem: "not valid JSON: \(error)",
                remedy: "correct the file, or remove it to use the defaults")
        }
        return try Settings(json: document, source: path).named(by: "NODE_NAME")
    }

    private func named(by variable: String) throws(OverlayError) -> Settings {
        guard let name = environmentVariable(variable), !name.isEmpty else { return self }
        var named = self
        named.nodeName = try SettingsReader(source: variable).name(.nodeName, .string(name))
        return named
    }

    /// Takes settings from a JSON object; `null` stands for the default.
    ///
    /// - Parameter source: What to call the document in errors: the file's path.
    public init(json document: JSONValue, source: String) throws(OverlayError) {
        guard let object = document.objectValue else {
            throw OverlayError(
                source: source, problem: "holds \(document.kind)",
                remedy: "write one JSON object, such as {} for the defaults")
        }
        let profile = object[Key.profile.rawValue] ?? .null
        let reader = SettingsReader(source: source)
        if profile.isNull {
            self = .default
        } else {
            self.init(profile: try reader.choice(.profile, profile))
        }
        for (name, value) in object.members {
            guard let key = Key(rawValue: name) else { throw reader.unknown(name) }
            if !value.isNull { try set(key, to: value, by: reader) }
        }
        try checkTogether(source: source)
    }

    private mutating func set(_ key: Key, to value: JSONValue, by reader: SettingsReader) throws(OverlayError) {
        switch key {
        case .profile: break
        case .v4Prefix: v4Prefix = try reader.prefix(key, value, family: .v4)
        case .v4Width: v4Width = try reader.number(key, value, in: 1...24)
        case .v6Prefix: v6Prefix = try reader.prefix(key, value, family: .v6)
        case .families: families = try reader.families(key, value)
        case .subnets: subnets = try reader.prefixes(key, value)
        case .nodeName: nodeName = try reader.name(key, value)
        case .nodeFile: nodeFile = try reader.path(key, value)
        case .nodeSource: nodeSource = try reader.choice(key, value)
        case .serviceCIDRs: serviceCIDRs = try reader.prefixes(key, value)
        case .port: port = UInt16(try reader.number(key, value, in: 1...65535))
        case .localPort: localPort = UInt16(try reader.number(key, value, in: 1...65535))
        case .datapath: datapath = try reader.choice(key, value)
        case .framing: framing = try reader.choice(key, value)
        case .fastPath: fastPath = try reader.choice(key, value)
        case .aggregation: aggregation = try reader.choice(key, value)
        case .encryption: encryption = try reader.choice(key, value)
        case .sourceCheck: sourceCheck = try reader.choice(key, value)
        case .sourcePorts: sourcePorts = try reader.choice(key, value)
        case .keepalive: keepalive = try reader.number(key, value, in: 0...3600)
        case .batching: batching = try reader.choice(key, value)
        case .queues: queues = try reader.number(key, value, in: 1...16)
        case .mtu: mtu = try reader.number(key, value, in: Self.smallestMTU...65535)
        }
    }

    /// Finds values that are right each by itself and wrong together.
    private func checkTogether(source: String) throws(OverlayError) {
        func refuse(_ key: Key, _ problem: String, _ remedy: String) -> OverlayError {
            OverlayError(source: source, key: key.rawValue, problem: problem, remedy: remedy)
        }
        let longest = NodeSubnet.longestPrefix(.v4)
        guard v4Prefix.length + v4Width <= longest else {
            throw refuse(
                .v4Width, "\(v4Width) bits below \(v4Prefix) leave a node less than eight container addresses",
                "use at most \(max(0, longest - v4Prefix.length)) or a shorter v4Prefix")
        }
        guard v6Prefix.length == 48 else {
            throw refuse(.v6Prefix, "\(v6Prefix) is not a /48", "use a prefix of 48 bits, such as fd53:7769:726c::/48")
        }
        guard port != localPort else {
            throw refuse(.localPort, "\(localPort) is the overlay's own port", "use another port than \(port)")
        }
        try checkDatapath(refuse)
        for subnet in subnets where NodeSubnet(subnet) == nil {
            throw refuse(
                .subnets, "\(subnet) leaves too few container addresses",
                "use a prefix of at most /\(NodeSubnet.longestPrefix(subnet.family))")
        }
        for (index, subnet) in subnets.enumerated() {
            if let other = subnets[..<index].first(where: subnet.overlaps) {
                throw refuse(.subnets, "\(subnet) overlaps \(other)", "list subnets that do not overlap")
            }
        }
        if let clash = ClashCheck.services(settings: self).first {
            throw refuse(.serviceCIDRs, clash.problem, clash.remedy)
        }
    }

    /// Finds wishes for what the chosen datapath or framing has not.
    private func checkDatapath(_ refuse: (Key, _ problem: String, _ remedy: String) -> OverlayError)
        throws(OverlayError)
    {
        if datapath == .tun, fastPath == .on {
            throw refuse(
                .fastPath, "\"on\" is for the eBPF datapath, and \"datapath\" is \"tun\"",
                "use \"off\", or a \"datapath\" of \"auto\" or \"ebpf\"")
        }
        guard aggregation != .auto, aggregation != .none else { return }
        let wish = "\"\(aggregation.rawValue)\""
        if datapath == .tun {
            throw refuse(
                .aggregation, "\(wish) is for the eBPF datapath, and \"datapath\" is \"tun\"",
                "use \"auto\", or a \"datapath\" of \"auto\" or \"ebpf\"")
        }
        if framing == .gpe {
            throw refuse(
                .aggregation,
                "\(wish) is for \"framing\" \"raw\": datagrams of gpe are joined by the kernel's VXLAN device",
                "use \"auto\" or \"none\", or \"framing\" \"raw\" on all nodes")
        }
    }
}
