/// Network configurations for tests.
enum Configurations {
    /// Addresses of this node alone, from the reference IPAM plugin.
    static func local(
        _ node: TestNode, version: String = "1.0.0", name: String = "local", extra: String = "",
        subnets: [String] = ["10.1.0.0/24", "fd00:1::/64"]
    ) -> String {
        let ranges = subnets.map { "[{\"subnet\": \"\($0)\"}]" }.joined(separator: ", ")
        return """
            {"cniVersion": "\(version)", "name": "\(name)", "type": "warrens", "tunnel": {"enabled": false},
             \(extra.isEmpty ? "" : extra + ",")
             "ipam": {"type": "host-local", "dataDir": "\(node.root)/host-local", "ranges": [\(ranges)]}}
            """
    }

    /// The overlay, without a tunnel process.
    static func overlay(_ node: TestNode, version: String = "1.0.0", extra: String = "") -> String {
        """
        {"cniVersion": "\(version)", "name": "overlay", "type": "warrens", "ipMasq": true,
         "tunnel": {"autostart": false}, \(extra.isEmpty ? "" : extra + ",")
         "ipam": {"type": "host-local", "dataDir": "\(node.root)/host-local", "ranges": [
           [{"subnet": "10.220.106.0/24", "rangeStart": "10.220.106.8"}],
           [{"subnet": "fd53:7769:726c:3029:13e9:dc81:ee6d::/112", "rangeStart": "fd53:7769:726c:3029:13e9:dc81:ee6d:10"}]]}}
        """
    }

    /// `configuration` with what a runtime adds: the result of ADD.
    static func with(result: String, _ configuration: String) -> String {
        adding("\"prevResult\": \(result)", to: configuration)
    }

    static func adding(_ member: String, to configuration: String) -> String {
        guard let end = configuration.lastIndex(of: "}") else { return configuration }
        return "\(configuration[..<end]), \(member)}"
    }
}
