public import Addressing

/// What `warrensd` would do with a packet that the host has routed into the tunnel device: the body of `GET /trace`.
public struct TraceReport: Hashable, Sendable {
    /// The node that the packet goes to.
    public struct Peer: Hashable, Sendable {
        public var name: String
        /// What of it the destination lies in.
        public var prefix: IPPrefix
        /// The prefix is a route behind the node, not a subnet of its pods.
        public var isRoute: Bool

        public init(name: String, prefix: IPPrefix, isRoute: Bool) {
            self.name = name
            self.prefix = prefix
            self.isRoute = isRoute
        }
    }

    /// The way of datagrams to the peer.
    public struct Path: Hashable, Sendable {
        public var endpoint: SocketAddress
        /// The outer source; nil where the routes do not say.
        public var source: IPAddress?
        /// The index of the device that datagrams leave by.
        public var device: Int32?
        /// The router that takes them; nil where the endpoint is directly attached.
        public var gateway: IPAddress?
        /// The longest datagram that the route carries, and the longest that is known to arrive now, IP header included, in
        /// bytes.
        public var routeMTU: Int
        public var mtu: Int
        /// How much longer than the packet its datagram is, in bytes.
        public var overhead: Int

        public init(
            endpoint: SocketAddress, source: IPAddress?, device: Int32?, gateway: IPAddress?, routeMTU: Int, mtu: Int,
            overhead: Int
        ) {
            self.endpoint = endpoint
            self.source = source
            self.device = device
            self.gateway = gateway
            self.routeMTU = routeMTU
            self.mtu = mtu
            self.overhead = overhead
        }
    }

    /// What is decided about the packet.
    public struct Verdict: Hashable, Sendable {
        public enum Action: String, Hashable, Sendable {
            /// Sent in a datagram that arrives whole.
            case send
            /// Sent in a datagram that is fragmented on the way.
            case fragment
            /// Split, and sent in several datagrams.
            case split
            /// Dropped, and its sender told by ICMP.
            case reject
            case drop
        }

        public var action: Action
        /// The counter of ``StatusReport/counters`` that tells of it, without `drop.`; nil for what is sent.
        public var reason: String?
        /// The longest packet that would be sent whole, in bytes, where this one is too long.
        public var mtu: Int?

        public init(_ action: Action, reason: String? = nil, mtu: Int? = nil) {
            self.action = action
            self.reason = reason
            self.mtu = mtu
        }
    }

    /// What the kernel's programs make of it.
    public struct Kernel: Hashable, Sendable {
        /// The kernel's number of the program at the tunnel device; nil where there is none.
        public var program: UInt32?
        /// Why the programs leave the packet to user space; nil where they carry it.
        public var obstacle: String?
        /// Nil where no flow may skip the host's stack.
        public var shortCut: ShortCut?

        public init(program: UInt32?, obstacle: String?, shortCut: ShortCut? = nil) {
            self.program = program
            self.obstacle = obstacle
            self.shortCut = shortCut
        }
    }

    /// How far a flow is from skipping the host's stack.
    public struct ShortCut: Hashable, Sendable {
        /// Why the packet takes the stack; nil where it skips it.
        public var obstacle: String?
        /// Where packets of the flow were seen with these addresses and ports.
        public var seen: [String]

        public init(obstacle: String?, seen: [String] = []) {
            self.obstacle = obstacle
            self.seen = seen
        }
    }

    /// `tun` or `ebpf`.
    public var datapath: String
    public var framing: String
    /// The UDP port that datagrams leave from; nil where it follows from the flow.
    public var sourcePort: UInt16?
    /// Nil where no node claims the destination.
    public var peer: Peer?
    /// Nil where there is no peer, or no way to it.
    public var path: Path?
    public var verdict: Verdict
    /// Nil for user space alone.
    public var kernel: Kernel?

    public init(
        datapath: String, framing: String, sourcePort: UInt16?, peer: Peer? = nil, path: Path? = nil, verdict: Verdict,
        kernel: Kernel? = nil
    ) {
        self.datapath = datapath
        self.framing = framing
        self.sourcePort = sourcePort
        self.peer = peer
        self.path = path
        self.verdict = verdict
        self.kernel = kernel
    }
}
