public import Addressing
public import Host

/// The node that this process runs on: its name, identity and subnets.
public struct LocalNode: Hashable, Sendable {
    /// The name in the node annotation file: the `nodeName` setting, else the lower-cased host name.
    public let name: String
    public let identity: NodeIdentity
    /// Where containers get their addresses from: IPv6 first.
    public let subnets: [NodeSubnet]
    /// Subnets of earlier generations that live containers still use; nothing new is taken from them.
    public let draining: [NodeSubnet]
    /// 32 bytes (Curve25519); nil while this node has no key.
    public let publicKey: [UInt8]?
    /// Families that the settings leave open and this kernel lacks; worth a line in the log.
    public let missingFamilies: [IPFamily]

    public var machineID: MachineID { identity.machineID }
    public var nodeID: NodeID { identity.nodeID }
    public var claim: Claim { identity.claim }

    /// True where the annotation file says of this node what it is: then the others send to the right subnets. A family
    /// that this node lacks is no contradiction.
    public func isDescribed(by entry: NodeEntry) -> Bool {
        let own = Set((subnets + draining).map(\.prefix))
        let families = Set(own.map(\.family))
        return Set((entry.subnets + entry.claim.draining).filter { families.contains($0.family) }) == own
    }

    /// Reads the identity of this machine, and makes its first one where there is none.
    ///
    /// - Parameter kernelFamilies: What the kernel supports.
    /// - Throws: Where there is no machine id, the identity cannot be read, or the settings name a family that the
    ///   kernel lacks.
    public static func load(
        paths: NodePaths, settings: Settings, kernelFamilies: [IPFamily] = KernelFamilies.present
    ) throws(OverlayError) -> LocalNode {
        let machineID = try MachineID.read(paths)
        let identity = try IdentityFile(paths).readOrCreate(for: machineID)
        return try LocalNode(identity, paths: paths, settings: settings, kernelFamilies: kernelFamilies)
    }

    /// What ``load(paths:settings:kernelFamilies:)`` would return, without making anything.
    public static func peek(
        paths: NodePaths, settings: Settings, kernelFamilies: [IPFamily] = KernelFamilies.present
    ) throws(OverlayError) -> LocalNode {
        let machineID = try MachineID.read(paths)
        let identity = try IdentityFile(paths).read(for: machineID) ?? NodeIdentity(machineID: machineID)
        return try LocalNode(identity, paths: paths, settings: settings, kernelFamilies: kernelFamilies)
    }

    /// Gives this node another id because another node holds its subnets by the better claim.
    ///
    /// - Parameters:
    ///   - nodeID: The id that was lost. Where the node has another one by now, nothing is changed.
    ///   - draining: The subnets that live containers still use.
    ///   - randomness: 16 bytes that no other node has.
    public static func renumber(
        from nodeID: NodeID, draining: [IPPrefix], paths: NodePaths, settings: Settings,
        kernelFamilies: [IPFamily] = KernelFamilies.present,
        randomness: [UInt8] = (0..<16).map { _ in UInt8.random(in: 0 ... .max) }
    ) throws(OverlayError) -> LocalNode {
        let identity = try IdentityFile(paths).update(for: try MachineID.read(paths)) { present throws(OverlayError) in
            guard present.nodeID == nodeID else { return nil }
            guard let next = present.renumbered(randomness: randomness, draining: draining) else {
                throw OverlayError(
                    source: paths.identity, problem: "generation \(present.claim.generation) is the last one",
                    remedy: "give this machine a machine id of its own and remove the file")
            }
            return next
        }
        return try LocalNode(identity, paths: paths, settings: settings, kernelFamilies: kernelFamilies)
    }

    /// Records that the clock can be trusted, and which earlier subnets are free of containers.
    ///
    /// - Parameters:
    ///   - now: The time where the kernel reports a synchronised clock, else nil.
    ///   - drained: Draining subnets that no container uses any more.
    public static func updateClaim(
        now: Timestamp?, drained: [IPPrefix] = [], paths: NodePaths, settings: Settings,
        kernelFamilies: [IPFamily] = KernelFamilies.present
    ) throws(OverlayError) -> LocalNode {
        let identity = try IdentityFile(paths).update(for: try MachineID.read(paths)) { present in
            let drained = present.drained(drained)
            return now.map(drained.dated) ?? drained
        }
        return try LocalNode(identity, paths: paths, settings: settings, kernelFamilies: kernelFamilies)
    }

    init(
        _ identity: NodeIdentity, paths: NodePaths, settings: Settings, kernelFamilies: [IPFamily]
    ) throws(OverlayError) {
        self.identity = identity
        publicKey = nil
        name = settings.nodeName ?? HostName.lowercased()
        missingFamilies = settings.families.enabled.filter { !kernelFamilies.contains($0) }
        if case .explicit = settings.families, let missing = missingFamilies.first {
            throw OverlayError(
                source: paths.settings, key: Settings.Key.families.rawValue,
                problem: "this kernel has no \(missing)",
                remedy: "boot it without ipv6.disable=1, or use \"automatic\"")
        }
        let families = settings.families.enabled.filter(kernelFamilies.contains)
        let assigned = SelfAssignment.subnets(of: identity.nodeID, settings: settings, families: families)
        subnets = families.flatMap { family in
            let pinned = settings.subnets.filter { $0.family == family }.compactMap { NodeSubnet($0) }
            return pinned.isEmpty ? assigned.filter { $0.family == family } : pinned
        }
        draining = identity.claim.draining.filter { families.contains($0.family) }.compactMap { NodeSubnet($0) }
    }
}

/// What the running kernel can do, as far as addresses go.
public enum KernelFamilies {
    /// IPv6 unless the kernel was built or booted without it (`ipv6.disable=1`), and IPv4. Looked for once.
    public static let present: [IPFamily] = Files.exists("/proc/net/if_inet6") ? [.v6, .v4] : [.v4]
}

enum HostName {
    /// The host's name in lower case, as kubelet names a node; `localhost` where the kernel does not tell.
    static func lowercased() -> String {
        let content = (try? Files.read("/proc/sys/kernel/hostname", limit: 4096)) ?? []
        let name = String(decoding: content.prefix { $0 > 0x20 }, as: UTF8.self).lowercased()
        return name.isEmpty ? "localhost" : name
    }
}
