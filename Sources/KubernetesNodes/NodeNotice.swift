internal import Host
internal import JSON
internal import Overlay
internal import Service

/// Something about this node that shows in `kubectl describe node`: an Event of the core API.
struct NodeNotice: Sendable {
    enum Reason: String {
        case conflict = "SubnetConflict"
        case renumbered = "SubnetsChanged"
    }

    let reason: Reason
    let message: String

    /// - Parameters:
    ///   - node: The Node's name.
    ///   - uid: The Node's `metadata.uid`.
    func event(_ node: String, uid: String) -> JSONValue {
        let now = JSONValue.string(Timestamp(seconds: WallClock.seconds()).description)
        return [
            "apiVersion": "v1", "kind": "Event",
            "metadata": ["generateName": .string("\(node).warrens-"), "namespace": "default"],
            "involvedObject": ["apiVersion": "v1", "kind": "Node", "name": .string(node), "uid": .string(uid)],
            "reason": .string(reason.rawValue), "message": .string(message),
            "type": reason == .conflict ? "Warning" : "Normal",
            "source": ["component": "warrens-nodes", "host": .string(node)],
            "reportingComponent": "warrens-nodes", "reportingInstance": .string(node),
            "firstTimestamp": now, "lastTimestamp": now, "count": 1,
        ]
    }
}

/// The condition that cloud providers set until a node's routes are there: pods are scheduled once it is false.
enum NetworkCondition {
    private static let type = "NetworkUnavailable"

    /// True where the Node does not say yet that its network is there.
    static func isMissing(in node: JSONObject) -> Bool {
        let conditions = node["status"]?.objectValue?["conditions"]?.arrayValue ?? []
        return !conditions.contains { condition in
            let members = condition.objectValue
            return members?["type"]?.stringValue == type && members?["status"]?.stringValue == "False"
        }
    }

    static var available: JSONValue {
        let now = JSONValue.string(Timestamp(seconds: WallClock.seconds()).description)
        return [
            "type": .string(type), "status": "False", "reason": "WarrensIsUp",
            "message": "Warrens has this node's claim confirmed and knows the other nodes",
            "lastHeartbeatTime": now, "lastTransitionTime": now,
        ]
    }
}
