public import JSON
public import Overlay

/// One event of a watch on Nodes.
public enum NodeEvent: Sendable {
    /// A Node that is new or has another state.
    case changed(NodeDescription)
    case deleted(NodeDescription)
    /// Nothing has changed up to this `resourceVersion`.
    case bookmark(String)
    /// The watch has ended, and why.
    case failed(APIStatus)

    /// Reads `{"type":"MODIFIED","object":{…}}`.
    ///
    /// - Throws: ``JSONError``; also where the type is none that the API has.
    public init(parsing bytes: [UInt8]) throws(JSONError) {
        var reader = JSONReader(bytes)
        var type = ""
        var object = NodeDescription()
        var status = JSONObject()
        while let key = try reader.nextKey() {
            switch key {
            case "type": type = try reader.readValue().stringValue ?? ""
            case "object": try Self.read(&reader, into: &object, or: &status)
            default: try reader.skipValue()
            }
        }
        try reader.end()
        switch type {
        case "ADDED", "MODIFIED": self = .changed(object)
        case "DELETED": self = .deleted(object)
        case "BOOKMARK": self = .bookmark(object.resourceVersion ?? "")
        case "ERROR": self = .failed(APIStatus(json: .object(status), code: 500))
        // A type of a later version says nothing that a list would not.
        default: self = .failed(APIStatus(code: 500, message: "unknown event \(type.prefix(32).debugDescription)"))
        }
    }

    /// A Node and a Status have no member in common but `metadata` and `status`, which is a text in the latter.
    private static func read(
        _ reader: inout JSONReader, into node: inout NodeDescription, or status: inout JSONObject
    ) throws(JSONError) {
        guard try reader.peekByte() == UInt8(ascii: "{") else { return try reader.skipValue() }
        while let key = try reader.nextKey() {
            switch key {
            case "code", "reason", "message": status[key] = try reader.readValue()
            default: try reader.readNodeMember(key, into: &node)
            }
        }
    }
}

extension NodeDescription {
    /// Reads one Node, as it stands in a list.
    public init(parsing bytes: [UInt8]) throws(JSONError) {
        var reader = JSONReader(bytes)
        self.init()
        while let key = try reader.nextKey() { try reader.readNodeMember(key, into: &self) }
        try reader.end()
    }
}

/// What a page of a list says beside its items.
public struct ListPage: Hashable, Sendable {
    /// The state that the list shows, from which a watch can go on.
    public let resourceVersion: String
    /// What to ask for the next page with; nil for the last one.
    public let continuation: String?

    /// - Parameter envelope: The list without its items.
    /// - Returns: Nil where it is no list.
    public init?(envelope: [UInt8]) {
        guard let object = (try? JSONValue(parsing: envelope))?.objectValue,
            let metadata = object["metadata"]?.objectValue,
            let version = metadata["resourceVersion"]?.stringValue, !version.isEmpty, object["items"] != nil
        else { return nil }
        resourceVersion = version
        let next = metadata["continue"]?.stringValue ?? ""
        continuation = next.isEmpty ? nil : next
    }
}
