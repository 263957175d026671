public import JSON

extension NodeDescription {
    /// The Node as ``JSONReader/readNodeMember(_:into:)`` reads it back: what no reader of a node file needs is left out.
    /// The same description always gives the same text.
    public var json: JSONValue {
        var metadata: JSONObject = ["name": .string(name ?? "")]
        if !annotations.isEmpty {
            let members = annotations.sorted { $0.key < $1.key }
            metadata["annotations"] = .object(
                JSONObject(members.map { (Self.annotationPrefix + $0.key, JSONValue.string($0.value)) }))
        }
        var status = JSONObject()
        let reachable = addresses.filter { Self.addressTypes.contains($0.type) }
        if !reachable.isEmpty {
            status["addresses"] = .array(
                reachable.map { ["type": .string($0.type), "address": .string($0.address)] })
        }
        if let machineID { status["nodeInfo"] = ["machineID": .string(machineID)] }
        var node: JSONObject = ["kind": "Node", "metadata": .object(metadata)]
        if !status.isEmpty { node["status"] = .object(status) }
        return .object(node)
    }

    /// The types of `status.addresses` that endpoints follow from.
    private static let addressTypes = ["InternalIP", "ExternalIP"]
}
