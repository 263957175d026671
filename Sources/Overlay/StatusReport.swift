public import Addressing

/// What `warrensd` tells about itself: the body of `GET /status`.
public struct StatusReport: Hashable, Sendable {
    /// Packets and their bytes (inner packets, headers included).
    public struct Traffic: Hashable, Sendable {
        public var packets: UInt64
        public var bytes: UInt64

        public init(packets: UInt64 = 0, bytes: UInt64 = 0) {
            self.packets = packets
            self.bytes = bytes
        }
    }

    /// One other node as the datapath sees it.
    public struct Peer: Hashable, Sendable {
        public var name: String
        public var nodeID: NodeID?
        public var subnets: [IPPrefix]
        /// Where datagrams go now: `192.0.2.1:31337`; nil while no endpoint can be reached.
        public var endpoint: String?
        /// Everything that the annotation file gives, best first.
        public var endpoints: [String]
        public var sent: Traffic
        public var received: Traffic
        /// How many seconds ago the last packet came from it; nil for never.
        public var lastReceived: Int?
        /// Why no traffic can flow, or what else a person should know; empty otherwise.
        public var note: String

        public init(
            name: String, nodeID: NodeID?, subnets: [IPPrefix], endpoint: String?, endpoints: [String],
            sent: Traffic = Traffic(), received: Traffic = Traffic(), lastReceived: Int? = nil,
            note: String = ""
        ) {
            self.name = name
            self.nodeID = nodeID
            self.subnets = subnets
            self.endpoint = endpoint
            self.endpoints = endpoints
            self.sent = sent
            self.received = received
            self.lastReceived = lastReceived
            self.note = note
        }
    }

    /// What came of the node annotation file.
    public struct Registry: Hashable, Sendable {
        /// How many peers are in force.
        public var peers: Int
        public var problems: [NodeProblem]
        public var conflicts: [Conflict]
        /// The file's path.
        public var file: String
        /// When the registry in force was read; nil while none was.
        public var loadedAt: Timestamp?
        /// Why the file could not be read the last time it was tried; nil where it could.
        public var lastError: String?

        public init(
            peers: Int, problems: [NodeProblem], conflicts: [Conflict], file: String, loadedAt: Timestamp?,
            lastError: String?
        ) {
            self.peers = peers
            self.problems = problems
            self.conflicts = conflicts
            self.file = file
            self.loadedAt = loadedAt
            self.lastError = lastError
        }
    }

    public var version: String
    /// `tun` or `ebpf`.
    public var datapath: String
    /// Why this one.
    public var datapathReason: String
    /// What the datapath has in the kernel; nil for user space.
    public var kernel: KernelReport?
    /// This node's name in the node annotation file.
    public var name: String
    public var nodeID: NodeID
    public var subnets: [IPPrefix]
    public var claim: Claim
    /// The largest inner packet in bytes.
    public var mtu: Int
    /// Seconds since the process started.
    public var uptime: Int
    public var registry: Registry
    /// Every counter by its name, drop reasons (`drop.sourceCheck`) included.
    public var counters: [String: UInt64]
    public var peers: [Peer]
    /// What a person should know: a family that is missing, an uplink that is down.
    public var warnings: [String]

    public init(
        version: String, datapath: String, datapathReason: String, kernel: KernelReport? = nil, name: String,
        nodeID: NodeID, subnets: [IPPrefix], claim: Claim, mtu: Int, uptime: Int, registry: Registry,
        counters: [String: UInt64] = [:], peers: [Peer] = [], warnings: [String] = []
    ) {
        self.version = version
        self.datapath = datapath
        self.datapathReason = datapathReason
        self.kernel = kernel
        self.name = name
        self.nodeID = nodeID
        self.subnets = subnets
        self.claim = claim
        self.mtu = mtu
        self.uptime = uptime
        self.registry = registry
        self.counters = counters
        self.peers = peers
        self.warnings = warnings
    }
}
