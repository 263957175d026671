/// An answer of the API server that is not what was asked for: what was tried, what the server says, and what a person
/// can do about it.
public struct APIFailure: Error, Hashable, Sendable, CustomStringConvertible {
    /// What was asked for.
    public enum Action: String, Hashable, Sendable {
        case get = "get this node"
        case list = "list nodes"
        case watch = "watch nodes"
        case annotate = "annotate this node"
        case setCondition = "set this node's condition"
        case createEvent = "create an event"
    }

    public let action: Action
    public let status: APIStatus
    /// How many seconds the server asks to wait.
    public let retryAfter: Int64?
    /// Where the credentials come from.
    private let origin: String

    /// - Parameter retryAfter: The header of that name (RFC 9110 section 10.2.3); a date in it is not looked at.
    public init(_ action: Action, _ status: APIStatus, retryAfter: String? = nil, origin: String) {
        self.action = action
        self.status = status
        self.retryAfter = retryAfter.flatMap { Int64($0) }
        self.origin = origin
    }

    public var description: String {
        let said = [status.reason, status.message].filter { !$0.isEmpty }.joined(separator: ": ")
        let answer = said.isEmpty ? "\(status.code)" : "\(status.code) \(said)"
        return "cannot \(action.rawValue): the API server answers \(answer); \(remedy)"
    }

    private var remedy: String {
        switch (status.code, action) {
        case (401, _):
            "the credentials of \(origin) are not valid or have expired: renew them; they are read again at each attempt"
        case (403, .list), (403, .watch):
            isKubelet
                ? "a kubelet's own credentials cannot list nodes since Kubernetes 1.32: give warrens-nodes a service "
                    + "account or a client certificate that may get, list, watch and patch nodes"
                : "allow the account of \(origin) to list and watch nodes (ClusterRole warrens-nodes of the manifest)"
        case (403, .annotate):
            "allow the account of \(origin) to patch nodes; where an admission policy refuses it, the token must have been "
                + "issued to a pod on this node, and --node-name or NODE_NAME must be the name of this node"
        case (403, _): "allow it to the account of \(origin)"
        case (404, .get), (404, .annotate):
            "the cluster has no such node (yet): start kubelet, or give this node's metadata.name by --node-name, NODE_NAME "
                + "or the setting nodeName"
        case (404, _): "see that the server's URL in \(origin) is that of a Kubernetes API server"
        case (410, _): "what was asked for is no longer kept; a new list follows"
        case (429, _): "the server is busy; tried again later"
        case (500..., _): "tried again later; see the API server's log if it stays so"
        default: "see what \(origin) says, and the API server's log"
        }
    }

    /// Users of kubelets are named so by the node authorizer (kubernetes.io/docs: "Using Node Authorization").
    private var isKubelet: Bool { status.message.contains("\"system:node:") }
}
