public import Addressing

/// The names and numbers in a node's kernel by which the executables find each other's work.
public enum KernelNames {
    /// The tunnel device.
    public static let tunnelDevice = "warrens0"
    /// The pods' bridge, unless a network configuration names another one.
    public static let defaultBridge = "cni0"
    /// The hardware address of a bridge that we make: always the same on one node, so that pods which outlive the bridge
    /// find it again, and so that it is known for ours.
    public static func bridgeMAC(_ bridge: String, of node: NodeID?) -> MACAddress {
        MACAddress(locallyAdministered: FNV1a.hash64(Array("\(node?.description ?? "") \(bridge)".utf8)))
    }

    /// The ends of the veth pair in which received packets are merged.
    public static let mergeEntry = "warrens-merge"
    public static let mergeExit = "warrens-merged"
    /// The device by which the kernel knows datagrams of `framing: gpe`, and merges them. Nothing passes it.
    public static let mergeGPE = "warrens-gpe"
    /// The routing table of what leads into the tunnel.
    public static let overlayTable: UInt32 = 31337
    /// The priority of the rule that sends everything without ``datagramMark`` to ``overlayTable``.
    public static let rulePriority: UInt32 = 3133
    /// What marks the daemon's own datagrams, which must never enter the tunnel. It has no bit that others look at alone:
    /// portmap's 0x2000, those of Kubernetes, 0x4000 (kube-proxy masquerades what has it, from a port at random) and 0x8000,
    /// nor those of the upper half, where Calico, kube-router and Tailscale have theirs.
    public static let datagramMark: UInt32 = 0x1057
    /// The metric of the routes into the tunnel: in front of everything else in ``overlayTable``.
    public static let overlayMetric: UInt32 = 100
    /// The metric of the routes that refuse what nobody carries: worse than any that an administrator or the kernel
    /// makes.
    public static let refusalMetric: UInt32 = 4096
    /// "W": the maker (`rtm_protocol`) that the refusals carry, so that they are known for ours even after the settings
    /// that made them have changed. No entry of `/etc/iproute2/rt_protos` has this number.
    public static let routeProtocol: UInt8 = 87

    /// The nftables table of ours, in the family `inet`.
    public static let firewallTable = "warrens"
    /// The set of prefixes in ``firewallTable`` that hold where pods are.
    public static func overlaySet(_ family: IPFamily) -> String { family == .v4 ? "overlay4" : "overlay6" }
    /// Begins the comments of our rules in the chains of others.
    public static let ruleCommentMark = "warrens: "
}
