internal import Host
public import JSON
public import Overlay

/// What a node says of itself on its own Node object.
public struct Publication: Hashable, Sendable {
    /// Annotations below `warrens.io/`, without that prefix. Others are the operator's, and never touched.
    private let annotations: [String: String]
    /// Nil while `warrensd` has not said what it can do.
    private let features: Set<String>?

    /// What an operator may announce beside what the node finds out about itself.
    private static let wishes: Set<String> = ["checksum-deferral"]

    /// - Parameter features: What this node can do; nil where that is not known, and what is announced stays.
    public init(_ node: LocalNode, features: Set<String>?) {
        var annotations = [
            "node-id": node.nodeID.description,
            "subnets": node.subnets.map(\.description).joined(separator: ","),
            "claim": node.claim.description,
        ]
        // Whoever says its version says that what it can do is complete.
        if features != nil { annotations["version"] = Release.version }
        self.annotations = annotations
        self.features = features
    }

    /// The merge patch (RFC 7386) that makes a Node say this.
    ///
    /// - Parameter present: The Node's annotations below `warrens.io/`.
    /// - Returns: Nil where the Node says it already.
    public func patch(of present: [String: String]) -> JSONValue? {
        var changes = JSONObject()
        for (key, value) in annotations.sorted(by: { $0.key < $1.key }) where present[key] != value {
            changes[NodeDescription.annotationPrefix + key] = .string(value)
        }
        if let features {
            let former = Set((present["features"] ?? "").split(separator: ",").map { String($0.filter { $0 != " " }) })
            let wanted = features.union(former.intersection(Self.wishes))
            if wanted != former {
                changes[NodeDescription.annotationPrefix + "features"] =
                    wanted.isEmpty ? .null : .string(wanted.sorted().joined(separator: ","))
            }
        }
        guard !changes.isEmpty else { return nil }
        return ["metadata": ["annotations": .object(changes)]]
    }
}
