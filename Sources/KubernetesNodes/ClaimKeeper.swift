internal import Addressing
internal import Cluster
internal import Host
internal import Logging
internal import Overlay

/// This node's standing among the others: whether its claim to its subnets is at the API server and is the best one, and
/// what follows from that for `warrens-ipam` and kubelet.
struct ClaimKeeper {
    private let paths: NodePaths
    private let conflist: Conflist?
    private let log: Logger
    private var node: LocalNode
    private var settings: Settings
    private var mostPods: Int?
    private var rivals: ClaimRivals
    /// The claim that the API server has since before the last list.
    private var told: PublishedClaim?
    private(set) var published: PublishedClaim?
    private var notices: [NodeNotice] = []

    init(_ facts: LocalFacts, paths: NodePaths, conflist: Conflist?, log: Logger) {
        self.paths = paths
        self.conflist = conflist
        self.log = log
        node = facts.node
        settings = facts.settings
        rivals = ClaimRivals(facts.node, settings: facts.settings)
    }

    /// True where addresses may be leased.
    var isConfirmed: Bool { published?.isClaim(of: node) == true && published?.conflict == nil }

    /// Why pods would lack addresses; nil where they do not.
    var shortage: String? { mostPods.flatMap { PodRoom.shortage(of: node, pods: $0, settings: settings) } }

    /// Takes how many pods kubelet may start; nil where it does not say.
    ///
    /// - Returns: True where the claim is to be judged anew.
    mutating func take(mostPods: Int?) -> Bool {
        let former = shortage
        self.mostPods = mostPods
        let shortage = shortage
        if let shortage, shortage != former {
            log.error(
                isConfirmed ? "pods will lack addresses" : "this node is not made ready",
                metadata: ["reason": "\(shortage)"])
        }
        return shortage != former
    }

    /// Takes up what the last run left: a node that comes up without an API server goes on with that.
    mutating func start() throws(OverlayError) {
        published = try PublishedClaim.read(paths)
        installConflist()
    }

    /// Takes what this node is by now.
    ///
    /// - Returns: Whether the API server has to be told of a new claim, and the nodes to be listed after that.
    mutating func follow(_ facts: LocalFacts, among known: KnownNodes) -> Bool {
        node = facts.node
        settings = facts.settings
        rivals = ClaimRivals(facts.node, settings: facts.settings)
        known.forEach { _ = rivals.see($0) }
        if told?.isClaim(of: node) == true { return false }
        told = nil
        return true
    }

    /// Takes another node's present state.
    ///
    /// - Returns: True where the claim is to be judged anew.
    mutating func see(_ other: NodeDescription) -> Bool { rivals.see(other) }

    mutating func forget(_ name: String) -> Bool { rivals.forget(name) }

    /// Takes the end of a list that was begun after the API server had `claim`.
    ///
    /// - Returns: False where this node has another claim by now.
    mutating func listed(after claim: PublishedClaim) -> Bool {
        guard claim.isClaim(of: node) else { return false }
        told = claim
        return true
    }

    /// Finds out who holds this node's subnets, and tells `warrens-ipam`.
    ///
    /// A node whose kubelet would start more pods than it has addresses for is not begun with; one that has pods goes on.
    ///
    /// - Returns: True where there is something new to tell others.
    mutating func judge(among known: KnownNodes) throws(OverlayError) -> Bool {
        guard let told, told.isClaim(of: node), isConfirmed || shortage == nil else { return false }
        let verdict = PublishedClaim(node, conflict: try rivals.lost(among: known)?.description)
        if verdict != published {
            try verdict.write(paths)
            announce(verdict, after: published)
            published = verdict
        }
        installConflist()
        return !notices.isEmpty
    }

    private mutating func announce(_ verdict: PublishedClaim, after former: PublishedClaim?) {
        let subnets = verdict.subnets.map(\.description).joined(separator: ",")
        if let conflict = verdict.conflict {
            log.warning(
                "another node has the better claim; no address is leased until this node has other subnets",
                metadata: ["conflict": "\(conflict)"])
            notices.append(NodeNotice(reason: .conflict, message: conflict))
            return
        }
        log.notice(
            "claim confirmed",
            metadata: ["nodeID": "\(verdict.nodeID)", "generation": "\(verdict.generation)", "subnets": "\(subnets)"])
        if let former, former.generation != verdict.generation {
            notices.append(
                NodeNotice(
                    reason: .renumbered,
                    message: "this node has the subnets \(subnets) now; new pods get addresses of them"))
        }
    }

    mutating func takeNotices() -> [NodeNotice] {
        defer { notices = [] }
        return notices
    }

    /// Makes kubelet call this node ready, where the claim is confirmed.
    func installConflist() {
        guard let conflist, isConfirmed else { return }
        do throws(SystemError) {
            if try conflist.install() {
                log.notice("network configuration installed", metadata: ["file": "\(conflist.destination)"])
            }
        } catch {
            log.error("network configuration cannot be installed", metadata: ["error": "\(error)"])
        }
    }
}
