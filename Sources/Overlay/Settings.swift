public import Addressing

/// What the operator decides for the whole cluster, from `/etc/warrens/warrens.json`.
///
/// Every node must have the same prefixes, width, profile, port and framing, because peers without annotations are
/// computed with them. A missing file or key means the default; nothing needs to be configured.
public struct Settings: Hashable, Sendable {
    /// Which families pods get addresses of.
    public enum FamilyChoice: Hashable, Sendable {
        /// Both, but for one that the kernel lacks.
        case automatic
        /// These and no others; a family that the kernel lacks is an error.
        case explicit([IPFamily])

        /// The families to use on a kernel that has all of them: IPv6 first.
        public var enabled: [IPFamily] {
            switch self {
            case .automatic: [.v6, .v4]
            case .explicit(let families): [IPFamily.v6, .v4].filter(families.contains)
            }
        }
    }

    /// A set of defaults for the IPv4 layout.
    public enum Profile: String, Hashable, Sendable, CaseIterable {
        /// One /24 out of 10.192.0.0/10 for each node.
        case `default`
        /// The layout of the paper: one /28 out of 10.83.0.0/16 for each node, with room for eight containers.
        case paper
    }

    /// Which implementation carries the packets.
    public enum Datapath: String, Hashable, Sendable, CaseIterable {
        /// The fastest one that this kernel has.
        case auto
        /// User space.
        case tun
        /// In the kernel.
        case ebpf
    }

    /// What stands between the outer UDP header and the inner packet; cluster-wide.
    public enum Framing: String, Hashable, Sendable, CaseIterable {
        /// Nothing.
        case raw
        /// A VXLAN-GPE header of 8 bytes, by which a kernel's receive offload knows that IP follows.
        case gpe
    }

    /// Whether packets may pass the host's stack by, in the eBPF datapath.
    public enum FastPath: String, Hashable, Sendable, CaseIterable {
        /// All packets of pods meet conntrack, Services and packet filters.
        case off
        /// Those of a flow that the node has seen untranslated in both directions do not.
        case on
    }

    /// What joins received datagrams before the eBPF datapath takes them apart: one large packet costs hardly more than
    /// one small one.
    public enum Aggregation: String, Hashable, Sendable, CaseIterable {
        /// The best of what this kernel and its devices have.
        case auto
        /// XDP in the network card's driver: bare packets meet the kernel's receive offload.
        case xdp
        /// The kernel's receive offload for GUE, which an otherwise idle socket turns on.
        case gue
        /// A pair of veths that the bare packets pass.
        case loop
        /// Nothing.
        case none
    }

    /// Who keeps the node annotation file.
    public enum NodeSource: String, Hashable, Sendable, CaseIterable {
        /// The operator.
        case file
        /// `warrens-nodes`, from the Kubernetes API server. No address is leased before that has this node's claim.
        case kubernetes
    }

    /// Whether data is encrypted.
    public enum Encryption: String, Hashable, Sendable, CaseIterable {
        case none
    }

    /// How the outer source of a received datagram is held against the registry.
    public enum SourceCheck: String, Hashable, Sendable, CaseIterable {
        /// The outer address must be an endpoint of the peer that owns the inner source.
        case strict
        /// Some peer must own the inner source.
        case loose
    }

    /// Which UDP source port data leaves from.
    public enum SourcePorts: String, Hashable, Sendable, CaseIterable {
        /// ``Settings/port``, for which a NAT has its mapping open.
        case fixed
        /// One that follows from the flow, for multipath routing.
        case hashed
    }

    /// How the user-space datapath meets the kernel.
    public enum Batching: String, Hashable, Sendable, CaseIterable {
        /// Many packets for each system call, and super-packets where the kernel has them.
        case automatic = "auto"
        /// One packet for each system call: slow, and a way out where a driver's offloads are broken.
        case off
    }

    public var profile: Profile = .default
    /// The block that nodes take their IPv4 subnets from.
    public var v4Prefix: IPPrefix = Self.prefix(.v4, 10 << 24 | 192 << 16, length: 10)
    /// How many bits choose a node's IPv4 subnet: a node's prefix length is that of ``v4Prefix`` plus this.
    public var v4Width: Int = 14
    /// The /48 that nodes take their IPv6 /112 from.
    public var v6Prefix: IPPrefix = Self.prefix(.v6, 0xfd53_7769_726c << 80, length: 48)
    public var families: FamilyChoice = .automatic
    /// This node's own subnets where the operator pins them; they replace the self-assigned one of their family.
    public var subnets: [IPPrefix] = []
    /// This node's name in the node annotation file; nil for the lower-cased host name.
    public var nodeName: String?
    /// The node annotation file, an absolute path (below `WARRENS_ROOT`).
    public var nodeFile: String = "/etc/warrens/nodes.json"
    public var nodeSource: NodeSource = .file
    /// The cluster's Service ranges, which our prefixes must not touch.
    public var serviceCIDRs: [IPPrefix] = []
    /// The UDP port of the overlay.
    public var port: UInt16 = 31337
    /// The port that `warrensd` binds where the kernel itself holds ``port``.
    public var localPort: UInt16 = 31338
    public var datapath: Datapath = .auto
    public var framing: Framing = .raw
    public var fastPath: FastPath = .off
    public var aggregation: Aggregation = .auto
    public var encryption: Encryption = .none
    public var sourceCheck: SourceCheck = .strict
    public var sourcePorts: SourcePorts = .fixed
    /// After how many seconds peers are greeted again, so that what lies between lets their datagrams in; 0 for never, nil
    /// for often enough where this node's endpoints are not its own addresses.
    public var keepalive: Int?
    public var batching: Batching = .automatic
    /// Queues of the tunnel device, each with two threads; nil to follow the number of processors.
    public var queues: Int?
    /// The largest inner packet in bytes; nil to follow the routes to the peers.
    public var mtu: Int?

    /// The smallest MTU that may be set: IPv6 requires it of every link (RFC 8200 section 5).
    public static let smallestMTU = 1280

    public static let `default` = Settings()

    private init() {}

    /// The defaults of a profile.
    public init(profile: Profile) {
        self.profile = profile
        if profile == .paper {
            v4Prefix = Self.prefix(.v4, 10 << 24 | 83 << 16, length: 16)
            v4Width = 12
        }
    }

    private static func prefix(_ family: IPFamily, _ bits: UInt128, length: Int) -> IPPrefix {
        let address = IPAddress(family: family, bits: bits)
        return IPPrefix(address, length: length) ?? IPPrefix(host: address)
    }
}
