import Addressing
internal import Host
internal import Logging
internal import Overlay
internal import Service
internal import SyscallShim

/// This node's identity over time: dated once the clock is right, given up where another node has the better claim,
/// rid of old subnets once their last container has ended.
struct Identity {
    private(set) var node: LocalNode
    private let paths: NodePaths
    private let log: Logger

    init(paths: NodePaths, settings: Settings, log: Logger) throws(OverlayError) {
        self.paths = paths
        self.log = log
        node = try LocalNode.load(paths: paths, settings: settings)
    }

    /// Reads it again: settings have changed, or another program has renumbered the node.
    mutating func reload(_ settings: Settings) throws(OverlayError) {
        node = try LocalNode.load(paths: paths, settings: settings)
    }

    /// Gives way wherever another node holds one of this node's subnets by the better claim: takes other subnets, and
    /// keeps the old ones for the containers that live in them. A subnet that was pinned stays for the operator to
    /// change.
    ///
    /// - Returns: What a person must do; nil where nothing is lost any more, or where renumbering has helped so far.
    mutating func settle(_ lost: [Conflict], _ settings: Settings) -> String? {
        if let own = lost.first(where: { !settings.subnets.contains($0.prefix) }) { return giveUp(own, settings) }
        return lost.first.map { "\($0); pin another subnet in \(paths.settings) on this node" }
    }

    /// What a person should do about the subnets that this node took because it lost its first ones; nil where the node
    /// file has them.
    func advice(_ selfEntry: NodeEntry?) -> String? {
        guard node.claim.generation > 0, let selfEntry, !node.isDescribed(by: selfEntry) else { return nil }
        return "this node lost a subnet to another node and renumbered itself: annotate it with "
            + "warrens.io/subnets=\(subnetTexts), warrens.io/node-id=\(node.nodeID) and warrens.io/claim=\(node.claim)"
    }

    private var subnetTexts: String { node.subnets.map(\.description).joined(separator: ",") }

    private mutating func giveUp(_ lost: Conflict, _ settings: Settings) -> String? {
        do throws(OverlayError) {
            let given = node.subnets.map(\.prefix).filter { !settings.subnets.contains($0) }
            let draining = LiveContainers.using(given, paths)
            node = try LocalNode.renumber(from: node.nodeID, draining: draining, paths: paths, settings: settings)
        } catch {
            log.error("cannot renumber", metadata: ["error": "\(error)"])
            return "\(lost), and this node cannot renumber itself: \(error)"
        }
        log.warning(
            "renumbered",
            metadata: [
                "conflict": "\(lost)", "nodeID": "\(node.nodeID)", "claim": "\(node.claim)",
                "subnets": "\(subnetTexts)",
            ])
        return nil
    }

    /// Lets go of draining subnets that no container uses any more.
    ///
    /// - Returns: True where there were any.
    mutating func dropDrained(_ settings: Settings) -> Bool {
        let draining = node.draining.map(\.prefix)
        guard !draining.isEmpty else { return false }
        let used = LiveContainers.using(draining, paths)
        let drained = draining.filter { !used.contains($0) }
        guard !drained.isEmpty else { return false }
        do throws(OverlayError) {
            node = try LocalNode.updateClaim(now: nil, drained: drained, paths: paths, settings: settings)
            log.notice(
                "old subnets are free", metadata: ["subnets": "\(drained.map(\.description).joined(separator: ","))"])
            return true
        } catch {
            log.error("old subnets cannot be let go", metadata: ["error": "\(error)"])
            return false
        }
    }

    /// Dates the claim once the clock can be trusted: boards without a real-time clock start in 1970.
    ///
    /// - Returns: False where that is still to be done.
    mutating func date(_ settings: Settings) -> Bool {
        guard node.claim.since == nil else { return true }
        guard warrens_clock_is_synchronised() == 1 else { return false }
        do throws(OverlayError) {
            let now = Timestamp(seconds: WallClock.seconds())
            node = try LocalNode.updateClaim(now: now, paths: paths, settings: settings)
            return true
        } catch {
            log.error("claim cannot be dated", metadata: ["error": "\(error)"])
            return false
        }
    }
}
