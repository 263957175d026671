import Addressing
import CNI
import JSON

/// The addresses that a runtime or a person asks for.
enum RequestedAddresses {
    /// Reads `runtimeConfig.ips`, else `args.cni.ips`, else `IP` of `CNI_ARGS`, which is obsolete and counts only
    /// where neither of the others is there (CNI conventions).
    ///
    /// A prefix length is accepted and does not matter: the range decides.
    static func read(_ request: Request) throws(CNIError) -> [IPAddress] {
        let configuration = request.configuration
        if let addresses = try list(Fields(configuration.runtimeConfig, path: "runtimeConfig")) { return addresses }
        if let addresses = try list(Fields(configuration.arguments, path: "args.cni")) { return addresses }
        guard let text = request.argument("IP"), !text.isEmpty else { return [] }
        guard let address = address(text) else {
            throw CNIError(.invalidEnvironment, "CNI_ARGS: IP is \"\(text)\", which is not an IP address")
        }
        return [address]
    }

    private static func list(_ fields: Fields) throws(CNIError) -> [IPAddress]? {
        guard let texts = try fields.strings("ips"), !texts.isEmpty else { return nil }
        var addresses: [IPAddress] = []
        for text in texts {
            guard let address = address(text) else { throw fields.error("ips", "holds \"\(text)\", not an IP address") }
            addresses.append(address)
        }
        return addresses
    }

    private static func address(_ text: String) -> IPAddress? {
        IPAddress(text) ?? IPPrefix(text)?.address
    }

    /// Gives each set of ranges at most one of the wanted addresses.
    static func assign(_ wanted: [IPAddress], to sets: [RangeSet]) throws(CNIError) -> AddressRequest {
        var rest = wanted
        var parts: [AddressRequest.Part] = []
        for set in sets {
            let index = rest.firstIndex { set.range(of: $0) != nil }
            parts.append(AddressRequest.Part(ranges: set, wanted: index.map { rest.remove(at: $0) }))
        }
        guard rest.isEmpty else {
            throw CNIError(
                .invalidConfiguration,
                "requested IP address \(rest.map(\.description).joined(separator: ", ")) cannot be leased",
                details: "one address each can be had of \(sets.map(\.description).joined(separator: " and "))")
        }
        return AddressRequest(parts: parts)
    }
}
