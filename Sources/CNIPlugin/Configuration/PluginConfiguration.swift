internal import Addressing
internal import CNI
internal import JSON
internal import Overlay

/// What an operator may ask of `warrens` in a network configuration: the reference `bridge` plugin's keys as far as they
/// make sense for a routed overlay, and `tunnel`.
struct PluginConfiguration: Equatable {
    /// How the network takes part in the overlay.
    struct Tunnel: Equatable {
        /// Start `warrensd` where it does not run. False leaves that to a service manager.
        var autostart = true
        /// False for a network of this node alone: any addresses, no `warrensd`.
        var enabled = true
    }

    var bridge = KernelNames.defaultBridge
    /// Replace addresses on the bridge that are not ours, rather than refuse to work with them.
    var forceAddress = false
    /// Let pod traffic to everything but pods leave with the node's address.
    var masquerade = false
    /// The MTU of the pod's interface in bytes; nil to follow the tunnel.
    var mtu: Int?
    var hairpin = true
    var promiscuous = false
    var duplicateAddressDetection = false
    var portIsolation = false
    /// Drop frames that a pod sends with another source MAC than its own.
    var spoofCheck = false
    /// The pod's MAC where somebody asked for one.
    var mac: MACAddress?
    var tunnel = Tunnel()

    init() {}

    init(_ request: Request) throws(CNIError) {
        let document = request.configuration.document
        let members = Fields(document)
        try Self.refuseClusterSettings(document)
        try members.allow(only: Self.known)
        for key in ["isGateway", "isDefaultGateway"] where try members.bool(key) == false {
            try members.refuse(key, because: "pods route through the bridge, so this is always on; remove the field")
        }
        bridge = try Self.bridge(members) ?? bridge
        forceAddress = try members.bool("forceAddress") ?? false
        masquerade = try members.bool("ipMasq") ?? false
        try Self.checkBackend(members)
        mtu = try Self.mtu(members)
        duplicateAddressDetection = try members.bool("enabledad") ?? false
        portIsolation = try members.bool("portIsolation") ?? false
        spoofCheck = try members.bool("macspoofchk") ?? false
        promiscuous = try members.bool("promiscMode") ?? false
        let hairpin = try members.bool("hairpinMode")
        if hairpin == true, promiscuous {
            throw members.error("hairpinMode", "excludes \"promiscMode\": set one of them only")
        }
        self.hairpin = hairpin ?? !promiscuous
        if let tunnel = try members.fields("tunnel") {
            try tunnel.allow(only: ["autostart", "enabled"])
            self.tunnel.autostart = try tunnel.bool("autostart") ?? true
            self.tunnel.enabled = try tunnel.bool("enabled") ?? true
        }
        mac = try RequestedMAC.find(request)
        try request.refuseDelegatingToItself()
    }

    /// What can be understood of a configuration that may be broken; for DEL, which must do its best with any.
    init(lenient request: Request) {
        do throws(CNIError) {
            self = try PluginConfiguration(request)
        } catch {
            self.init()
            let name = request.configuration.document["bridge"]?.stringValue
            if let name, Self.isInterfaceName(name) { bridge = name }
        }
    }

    private static let known: Set<String> = [
        // The specification's own and those that a runtime adds.
        "cniVersion", "name", "type", "capabilities", "ipam", "dns", "args", "runtimeConfig", "prevResult",
        "cni.dev/valid-attachments", "cni.dev/attachments",
        // The reference bridge plugin's.
        "bridge", "isGateway", "isDefaultGateway", "forceAddress", "ipMasq", "ipMasqBackend", "mtu", "hairpinMode",
        "promiscMode", "enabledad", "portIsolation", "macspoofchk",
        // Ours.
        "tunnel",
    ]

    /// Settings that hold for a whole cluster: a node computes its peers' subnets with them, so no single network may
    /// change them.
    private static func isClusterSetting(_ key: String) -> Bool {
        Settings.Key(rawValue: key).map { $0 != .mtu } ?? false
    }

    private static func refuseClusterSettings(_ document: JSONObject) throws(CNIError) {
        for (key, value) in document.members where isClusterSetting(key) {
            throw CNIError(
                .invalidConfiguration,
                "field \"\(key)\" with value \(value.serialized()) holds for the whole cluster: "
                    + "set it in /etc/warrens/warrens.json on every node, and remove it from this configuration")
        }
    }

    private static func bridge(_ members: Fields) throws(CNIError) -> String? {
        guard let name = try members.string("bridge"), !name.isEmpty else { return nil }
        guard isInterfaceName(name) else {
            throw members.error("bridge", "is no interface name: 1 to 15 bytes without '/', ':' and white space")
        }
        guard name != KernelNames.tunnelDevice else { throw members.error("bridge", "is the tunnel's device") }
        return name
    }

    /// The rule of the kernel's dev_valid_name().
    private static func isInterfaceName(_ name: String) -> Bool {
        (1...15).contains(name.utf8.count) && name != "." && name != ".."
            && !name.contains { $0 == "/" || $0 == ":" || $0.isWhitespace }
    }

    private static func checkBackend(_ members: Fields) throws(CNIError) {
        guard let backend = try members.string("ipMasqBackend"), !backend.isEmpty, backend != "nftables" else { return }
        try members.refuse("ipMasqBackend", because: "masquerading is done with \"nftables\"")
    }

    private static func mtu(_ members: Fields) throws(CNIError) -> Int? {
        guard let mtu = try members.int("mtu", in: 0...PathMTU.largest), mtu != 0 else { return nil }
        guard (PathMTU.smallest...PathMTU.largest).contains(mtu) else {
            throw members.error(
                "mtu", "is out of range: \(PathMTU.smallest) (IPv6 needs that much) to \(PathMTU.largest) bytes")
        }
        return mtu
    }
}

extension Request {
    /// The configuration asks us to ask ourselves for addresses, and so without end.
    var delegatesToItself: Bool {
        configuration.ipamType.map { [WarrensPlugin.name, configuration.type].contains($0) } ?? false
    }

    func refuseDelegatingToItself() throws(CNIError) {
        guard delegatesToItself else { return }
        throw CNIError(
            .invalidConfiguration,
            "field \"ipam.type\" with value \"\(configuration.ipamType ?? "")\" names this plugin itself",
            details: "name an IPAM plugin, such as \"warrens-ipam\"")
    }
}
