import Addressing
internal import Host
internal import Logging
internal import Overlay
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

    /// Another node holds `lost` by the better claim: takes other subnets, and keeps the old ones for the containers
    /// that live in them.
    ///
    /// - Returns: What a person should know and do.
    mutating func giveUp(_ lost: Conflict, _ settings: Settings) -> String {
        guard !settings.subnets.contains(lost.prefix) else {
            return "\(lost); pin another subnet in \(paths.settings) on this node"
        }
        do throws(OverlayError) {
            let draining = LiveContainers.using(node.subnets.map(\.prefix), paths)
            node = try LocalNode.renumber(from: node.nodeID, draining: draining, paths: paths, settings: settings)
        } catch {
            log.error("cannot renumber", metadata: ["error": "\(error)"])
            return "\(lost), and this node cannot renumber itself: \(error)"
        }
        let subnets = node.subnets.map(\.description).joined(separator: ",")
        log.warning(
            "renumbered",
            metadata: [
                "conflict": "\(lost)", "nodeID": "\(node.nodeID)", "claim": "\(node.claim)", "subnets": "\(subnets)",
            ])
        return "\(lost); this node renumbered itself: annotate it with warrens.io/subnets=\(subnets), "
            + "warrens.io/node-id=\(node.nodeID) and warrens.io/claim=\(node.claim)"
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
