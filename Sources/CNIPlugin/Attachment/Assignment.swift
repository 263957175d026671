internal import Addressing
internal import CNI
internal import Overlay

/// What an IPAM plugin gave a pod, in the form in which `warrens` uses it: whole addresses, each with its gateway.
struct Assignment: Equatable {
    struct Entry: Equatable {
        let address: IPAddress
        let gateway: IPAddress
    }

    let entries: [Entry]
    /// Where the pod's packets go: what the IPAM plugin asked for and a default route for each family.
    let routes: [AttachmentResult.Route]
    let dns: DNS

    /// - Parameters:
    ///   - answer: The IPAM plugin's.
    ///   - subnets: This node's own; nil where any address may be used, because no other node is concerned.
    init(_ answer: AttachmentResult, by type: String, subnets: [NodeSubnet]?) throws(CNIError) {
        guard !answer.addresses.isEmpty else {
            throw CNIError(
                .invalidConfiguration, "IPAM plugin \"\(type)\" returned no address",
                details: "correct \"ipam\", or leave it out for an interface without addresses")
        }
        var entries: [Entry] = []
        for address in answer.addresses {
            entries.append(try Self.entry(address, by: type, subnets: subnets))
        }
        self.entries = entries
        routes = Self.routes(answer.routes, entries)
        dns = answer.dns
    }

    var families: Set<IPFamily> { Set(entries.map(\.address.family)) }

    /// The gateway of a family: the first address's.
    func gateway(_ family: IPFamily) -> IPAddress? {
        entries.first { $0.address.family == family }?.gateway
    }

    /// Each gateway once.
    var gateways: [IPAddress] {
        entries.map(\.gateway).reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
    }

    private static func entry(
        _ given: AttachmentResult.Address, by type: String, subnets: [NodeSubnet]?
    ) throws(CNIError) -> Entry {
        let address = given.address.address
        guard let subnets else {
            guard let gateway = given.gateway ?? given.address.host(1), gateway != address else {
                throw CNIError(
                    .invalidConfiguration, "IPAM plugin \"\(type)\" returned \(given.address) without a gateway",
                    details: "name a \"gateway\" in \"ipam\"")
            }
            return Entry(address: address, gateway: gateway)
        }
        guard let subnet = subnets.first(where: { $0.prefix.contains(address) }) else {
            let own = subnets.map(\.description).joined(separator: ", ")
            throw CNIError(
                .invalidConfiguration,
                "IPAM plugin \"\(type)\" returned \(address), which is outside of this node's subnets \(own): "
                    + "other nodes would not find it",
                details: "let the IPAM plugin use these subnets, or pin its own with \"subnets\" in "
                    + "/etc/warrens/warrens.json, or set \"tunnel\": {\"enabled\": false} for a network of this node alone"
            )
        }
        // The first address, which other IPAM plugins take for the gateway, is the tunnel device's.
        let gateway = given.gateway.flatMap { $0 == subnet.tunnelAddress ? nil : $0 } ?? subnet.bridgeAddress
        guard ![subnet.tunnelAddress, subnet.bridgeAddress, gateway].contains(address) else {
            throw CNIError(
                .invalidConfiguration,
                "IPAM plugin \"\(type)\" returned \(address), which this node itself has in its subnet \(subnet.prefix)",
                details: "let the IPAM plugin's range begin at \(subnet.firstContainer)")
        }
        return Entry(address: address, gateway: gateway)
    }

    private static func routes(
        _ given: [AttachmentResult.Route], _ entries: [Entry]
    ) -> [AttachmentResult.Route] {
        var routes = given
        for family in IPFamily.allCases {
            guard let gateway = entries.first(where: { $0.address.family == family })?.gateway,
                let everything = IPPrefix(.unspecified(family), length: 0)
            else { continue }
            // One that the IPAM plugin asked for stands, unless it is for another table.
            let stands = given.contains { $0.destination == everything && ($0.table ?? 254) == 254 }
            if !stands { routes.append(AttachmentResult.Route(destination: everything, gateway: gateway)) }
        }
        return routes
    }
}
