internal import Glibc

/// Where a node keeps its settings, state and sockets.
///
/// All paths lie below one root, which is `/` unless the environment variable `WARRENS_ROOT` names another; so many
/// nodes run on one machine in tests.
public struct NodePaths: Hashable, Sendable {
    /// The root without a trailing slash; empty for `/`.
    public let root: String

    public init(root: String) {
        self.root = root.hasSuffix("/") ? String(root.dropLast()) : root
    }

    /// The paths that this process's environment asks for.
    public static var current: NodePaths {
        NodePaths(root: environmentVariable("WARRENS_ROOT") ?? "")
    }

    /// Where the machine id may stand, best first (machine-id(5)).
    public var machineIDs: [String] { ["\(root)/etc/machine-id", "\(root)/var/lib/dbus/machine-id"] }
    /// Settings shared by all executables; written by the operator.
    public var settings: String { "\(root)/etc/warrens/warrens.json" }
    /// The default place of the node annotation file.
    public var nodeFile: String { "\(root)/etc/warrens/nodes.json" }

    /// What outlives a reboot: this node's identity and claim.
    public var state: String { "\(root)/var/lib/warrens" }
    /// The node's identity: key, randomness, claim.
    public var identity: String { "\(state)/identity.json" }

    /// What the Kubernetes API server has of this node's claim; written by `warrens-nodes`.
    public var publishedClaim: String { "\(state)/published.json" }

    /// What a reboot empties, as it ends the containers: leases, attachments, sockets.
    public var run: String { "\(root)/run/warrens" }
    /// The addresses in use: a directory for each network with one file for each attachment; kept by `warrens-ipam`.
    public var leases: String { "\(run)/leases" }
    /// One file for each container interface, written by `warrens`.
    public var attachments: String { "\(run)/attachments" }
    /// Serialises changes to what all pods of the node share: bridge, masquerade, sysctls.
    public var nodeLock: String { "\(run)/node.lock" }
    /// Held by `warrensd` as long as it runs.
    public var daemonLock: String { "\(run)/warrensd.lock" }
    /// Serialises the start of `warrensd`.
    public var startLock: String { "\(run)/warrensd.start.lock" }
    /// Serialises installations.
    public var installLock: String { "\(run)/install.lock" }
    /// The socket on which `warrensd` answers HTTP/1.0 requests: `GET /status`, `/peers`, `/metrics`.
    public var socket: String { "\(run)/warrensd.sock" }
    /// Why the last start of `warrensd` failed: one line of text; absent after a good start.
    public var startError: String { "\(run)/warrensd.error" }
    /// The socket on which `warrens-nodes` answers HTTP/1.0 requests: `GET /healthz`, `/readyz`, `/metrics`, `/status`.
    public var nodesSocket: String { "\(run)/warrens-nodes.sock" }
    /// Held by `warrens-nodes` as long as it runs.
    public var nodesLock: String { "\(run)/warrens-nodes.lock" }
    /// What keeps `warrens-nodes` from its work: one line of text; absent while nothing does.
    public var nodesError: String { "\(run)/warrens-nodes.error" }
    /// What kubelet gives a pod to speak to the API server with: `token` and `ca.crt`.
    public var serviceAccount: String { "\(root)/var/run/secrets/kubernetes.io/serviceaccount" }
    /// The log of a `warrensd` that no service manager started.
    public var log: String { "\(run)/warrensd.log" }
    /// Where a file system for what the kernel keeps of the datapath `ebpf` is mounted (bpffs).
    public var pins: String { "\(run)/bpf" }
    /// What a setting of connection tracking was before the fast path changed it.
    public var formerTracking: String { "\(run)/nf_conntrack_tcp_be_liberal" }
    /// The largest inner packet in bytes, a decimal number and a line feed; written by `warrensd`.
    public var mtu: String { "\(run)/mtu" }
}

/// The value of a variable in this process's environment.
public func environmentVariable(_ name: String) -> String? {
    // Sound: our processes read the environment before they start threads and never change it after.
    guard let value = unsafe getenv(name) else { return nil }
    return unsafe String(cString: value)
}
