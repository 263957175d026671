internal import Addressing
public import JSON

extension AttachmentResult {
    /// The result in the shape that `version` prescribes. Empty members are left out.
    ///
    /// What a version cannot express is lost: before 1.0.0 MTU, socket and PCI id of interfaces and all of a route but
    /// destination and gateway; before 0.3.0 also the interfaces and all but the first address of each family. 1.0.0
    /// gets what 1.1.0 has, as from the reference plugins, so that a chained plugin loses nothing.
    /// - Throws: ``CNIError/Code/incompatibleVersion`` where `version` needs an address and there is none.
    public func json(version: SpecVersion) throws(CNIError) -> JSONObject {
        var object: JSONObject = ["cniVersion": .string(version.rawValue)]
        if version < .v0_3_0 {
            try addLegacyMembers(to: &object, version)
        } else {
            object["interfaces"] = list(interfaces) { $0.json(version) }
            object["ips"] = list(addresses) { $0.json(version) }
            object["routes"] = list(routes) { $0.json(version) }
        }
        if !dns.isEmpty { object["dns"] = .object(dns.json) }
        return object
    }

    private func addLegacyMembers(to object: inout JSONObject, _ version: SpecVersion) throws(CNIError) {
        for (key, family) in [("ip4", IPFamily.v4), ("ip6", .v6)] {
            guard let first = addresses.first(where: { $0.address.family == family }) else { continue }
            var part: JSONObject = ["ip": .string(first.address.description)]
            if let gateway = first.gateway { part["gateway"] = .string(gateway.description) }
            part["routes"] = list(routes.filter { $0.destination.family == family }) { $0.json(version) }
            object[key] = .object(part)
        }
        guard object.count > 1 else {
            throw CNIError(
                .incompatibleVersion, "a result of CNI version \(version.rawValue) needs an IP address",
                details: "cannot convert: no valid IP addresses; use cniVersion 0.3.0 or later, or configure ipam")
        }
    }
}

/// A list as a value, or nil for an empty one, whose member is left out.
private func list<Element>(_ elements: [Element], _ json: (Element) -> JSONObject) -> JSONValue? {
    elements.isEmpty ? nil : .array(elements.map { .object(json($0)) })
}

extension JSONObject {
    fileprivate mutating func set(_ key: String, _ value: String) {
        if !value.isEmpty { self[key] = .string(value) }
    }

    fileprivate mutating func set(_ key: String, _ value: Int?) {
        if let value { self[key] = .number(value) }
    }
}

extension AttachmentResult.Interface {
    fileprivate func json(_ version: SpecVersion) -> JSONObject {
        var object: JSONObject = ["name": .string(name)]
        object.set("mac", mac)
        if version >= .v1_0_0 { object.set("mtu", mtu) }
        object.set("sandbox", sandbox)
        if version >= .v1_0_0 {
            object.set("socketPath", socketPath)
            object.set("pciID", pciID)
        }
        return object
    }
}

extension AttachmentResult.Address {
    fileprivate func json(_ version: SpecVersion) -> JSONObject {
        var object = JSONObject()
        if version < .v1_0_0 { object["version"] = address.family == .v4 ? "4" : "6" }
        object.set("interface", interface)
        object["address"] = .string(address.description)
        if let gateway { object["gateway"] = .string(gateway.description) }
        return object
    }
}

extension AttachmentResult.Route {
    fileprivate func json(_ version: SpecVersion) -> JSONObject {
        var object: JSONObject = ["dst": .string(destination.description)]
        if let gateway { object["gw"] = .string(gateway.description) }
        guard version >= .v1_0_0 else { return object }
        object.set("mtu", mtu)
        object.set("advmss", advertisedMSS)
        object.set("priority", priority)
        object.set("table", table)
        object.set("scope", scope)
        return object
    }
}

extension DNS {
    fileprivate var json: JSONObject {
        var object = JSONObject()
        if !nameservers.isEmpty { object["nameservers"] = .array(nameservers.map { .string($0) }) }
        object.set("domain", domain)
        if !search.isEmpty { object["search"] = .array(search.map { .string($0) }) }
        if !options.isEmpty { object["options"] = .array(options.map { .string($0) }) }
        return object
    }
}
