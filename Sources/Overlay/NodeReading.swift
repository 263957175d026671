public import JSON

extension JSONReader {
    /// Reads the value of one member of a Node, and keeps what of it matters.
    public mutating func readNodeMember(_ key: String, into node: inout NodeDescription) throws(JSONError) {
        switch key {
        case "metadata":
            guard try isNext("{", "metadata", &node) else { return }
            while let key = try nextKey() {
                switch key {
                case "name": node.name = try readNodeText("metadata.name", &node)
                case "resourceVersion":
                    node.resourceVersion = try readNodeText("metadata.resourceVersion", &node)
                case "annotations": try readNodeAnnotations(&node)
                default: try skipValue()
                }
            }
        case "status":
            guard try isNext("{", "status", &node) else { return }
            while let key = try nextKey() {
                switch key {
                case "nodeInfo": try readNodeInfo(&node)
                case "addresses": try readNodeAddresses(&node)
                default: try skipValue()
                }
            }
        default: try skipValue()
        }
    }

    private mutating func readNodeAnnotations(_ node: inout NodeDescription) throws(JSONError) {
        guard try isNext("{", "metadata.annotations", &node) else { return }
        let prefix = NodeDescription.annotationPrefix
        while let key = try nextKey() {
            guard key.hasPrefix(prefix) else {
                try skipValue()
                continue
            }
            node.annotations[String(key.dropFirst(prefix.count))] = try readNodeText(key, &node)
        }
    }

    private mutating func readNodeInfo(_ node: inout NodeDescription) throws(JSONError) {
        guard try isNext("{", "status.nodeInfo", &node) else { return }
        while let key = try nextKey() {
            if key == "machineID" {
                node.machineID = try readNodeText("status.nodeInfo.machineID", &node)
            } else {
                try skipValue()
            }
        }
    }

    private mutating func readNodeAddresses(_ node: inout NodeDescription) throws(JSONError) {
        guard try isNext("[", "status.addresses", &node) else { return }
        node.addresses = []
        while try nextElement() {
            guard try isNext("{", "status.addresses", &node) else { continue }
            var entry = (type: "", address: "")
            while let key = try nextKey() {
                switch key {
                case "type": entry.type = try readNodeText("status.addresses.type", &node) ?? ""
                case "address": entry.address = try readNodeText("status.addresses.address", &node) ?? ""
                default: try skipValue()
                }
            }
            node.addresses.append(entry)
        }
    }

    /// A string; anything else but null is noted as a problem of the node and skipped.
    private mutating func readNodeText(_ field: String, _ node: inout NodeDescription) throws(JSONError) -> String? {
        guard try isNext("\"", field, &node) else { return nil }
        return try readValue().stringValue
    }

    /// True where the next value begins with `opening`; else that value is skipped, and noted unless it is null.
    private mutating func isNext(
        _ opening: Unicode.Scalar, _ field: String, _ node: inout NodeDescription
    ) throws(JSONError) -> Bool {
        let byte = try peekByte()
        if byte == UInt8(ascii: opening) { return true }
        try skipValue()
        if byte != UInt8(ascii: "n") {
            let expected = opening == "{" ? "an object" : opening == "[" ? "a list" : "a string"
            node.misshapen.append((field, "has the wrong type; write \(expected)"))
        }
        return false
    }
}
