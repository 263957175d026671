internal import Host
internal import KernelPath
internal import Overlay
internal import PacketPath

/// Has what carries packets do what the registry says: keeps in mind what it has not been told yet, and makes it again where
/// it was lost.
struct DatapathKeeper {
    /// Carries what nothing else does.
    private(set) var user: TunDatapath
    /// What carries most packets before they come to ``user``, where this kernel can.
    let kernelLayer: KernelLayer?
    /// What merges packets before ``kernelLayer`` delivers them.
    let aggregation: Aggregation
    /// Why ``layers`` are what they are.
    let reason: String
    /// What the peers that were told ask of this host's network.
    private(set) var demands: PeerDemands

    /// What the datapath has not been told of the registry yet; of no account where it must be told everything.
    private var untold = PeerDifference()
    private var isAllUntold = false
    private var isLost = false

    /// - Parameter demands: Those of the plan that the datapaths were started with.
    init(_ start: DatapathStart.Result, _ demands: PeerDemands) {
        (user, kernelLayer, aggregation) = (start.user, start.kernel, start.aggregation)
        reason = start.reason
        self.demands = demands
    }

    /// All that carries packets.
    var layers: any Datapath {
        guard let kernelLayer else { return user }
        return LayeredDatapath(kernelLayer.path, aggregation: aggregation.description, over: user)
    }

    // MARK: What is to be told

    mutating func add(_ difference: RegistryDifference) { untold.add(difference) }

    mutating func add(_ peer: Peer) { untold.add(peer) }

    /// More has changed than what peers are.
    mutating func addEverything() { isAllUntold = true }

    /// The tunnel device was removed under us.
    mutating func addLoss() {
        user.lost.clear()
        isLost = true
    }

    // MARK: Telling

    /// Tells what has not been told; what fails is to be tried again.
    ///
    /// - Returns: How many peers that were.
    mutating func tell(_ maker: PlanMaker, _ registry: Registry) throws(SystemError) -> Int {
        do throws(SystemError) {
            if isAllUntold || isLost { try tellAll(maker, registry.peers) } else { try tellDifference(maker) }
        } catch {
            isAllUntold = true
            throw error
        }
        defer { (untold, isAllUntold) = (PeerDifference(), false) }
        return isAllUntold ? registry.peers.count : untold.count
    }

    private mutating func tellAll(_ maker: PlanMaker, _ peers: [Peer]) throws(SystemError) {
        let plan = maker.plan(for: peers)
        if isLost {
            user.stop()
            user = try DatapathStart.openUser(maker.settings, plan, port: aggregation.socketPort)
            isLost = false
            try kernelLayer?.path.replace(plan)
        } else {
            try layers.replace(plan)
        }
        demands = maker.demands(of: plan)
    }

    /// Costs no more than the difference is worth: whatever is done here for all peers delays each change.
    private mutating func tellDifference(_ maker: PlanMaker) throws(SystemError) {
        let change = maker.change(untold)
        let former = (change.removed + change.updated.map(\.name)).compactMap(user.peer(named:))
        defer {
            for peer in former { demands.replace(peer, by: nil) }
            for peer in change.updated { demands.replace(nil, by: (peer, maker.demand(of: peer))) }
        }
        try layers.apply(change)
    }

    /// Leaves the device, its routes and the pods as they are: without a carrier on the device they refuse packets to
    /// other nodes, and the next daemon takes them over.
    func stop(_ kernel: NodeKernel) {
        user.stop()
        // Whoever comes next, be it an earlier version, finds the tunnel's port free.
        aggregation.releasePort(kernel)
    }
}
