import Addressing
internal import Host
internal import Overlay
internal import PacketPath

/// What `status` shows of the control side, and how it is put together once somebody asks.
struct StatusReporter: Sendable {
    let paths: NodePaths
    let framing: Settings.Framing
    let node: LocalNode
    let loader: RegistryLoader
    /// What the registry cannot know is wrong with its nodes: it clashes with this host.
    let hostProblems: [NodeProblem]
    let mtu: Int
    let datapath: any Datapath
    let datapathReason: String
    /// What merges received packets, in a word.
    let aggregation: String
    /// What this node can do that others act on, in the words of `warrens.io/features`.
    let features: [String]
    let warnings: [String]
    /// When each of some peers last sent with another framing, in seconds of the monotonic clock.
    let otherFraming: [String: Int64]

    /// How many peers the datapath is asked about at once.
    private static let batch = 256

    /// All but the peers.
    ///
    /// - Parameter uptime: In seconds.
    func report(uptime: Int) -> (report: StatusReport, totals: CounterTotals) {
        let totals = datapath.totals()
        let report = StatusReport(
            version: Daemon.version, datapath: datapath.name, datapathReason: "\(datapathReason); \(datapath.offloads)",
            kernel: datapath.kernel,
            name: node.name,
            nodeID: node.nodeID, subnets: (node.subnets + node.draining).map(\.prefix), claim: node.claim, mtu: mtu,
            uptime: uptime,
            registry: .init(
                peers: loader.registry.peers.count, problems: loader.registry.problems + hostProblems,
                conflicts: loader.registry.conflicts, file: loader.path, loadedAt: loader.loadedAt,
                lastError: loader.lastError?.description),
            counters: counters(totals), warnings: warnings + framingWarnings)
        return (report, totals)
    }

    /// Who has sent nothing since that could be understood.
    var peersOfOtherFraming: [String] {
        let names = otherFraming.keys.sorted()
        return zip(names, datapath.peerStatus(names[...])).compactMap { name, status in
            guard let status, let seen = otherFraming[name] else { return nil }
            return status.traffic.lastReceived ?? seen <= seen ? name : nil
        }
    }

    private var framingWarnings: [String] {
        peersOfOtherFraming.map {
            "\($0) sends with another framing, so all that it sends is dropped: set the same framing on every node"
        }
    }

    private func counters(_ totals: CounterTotals) -> [String: UInt64] {
        var counters: [String: UInt64] = [:]
        for counter in TrafficCounter.allCases { counters[counter.name] = totals[counter] }
        for reason in DropReason.allCases { counters["drop.\(reason.name)"] = totals[reason] }
        return counters
    }

    /// Shows all peers as `status` does.
    func forEachPeer(_ body: (StatusReport.Peer) -> Void) {
        let now = monotonicSeconds()
        forEachPeerState { peer, status in body(describe(peer, status, now: now)) }
    }

    /// Shows all peers, a few at a time: there may be a hundred thousand.
    func forEachPeerState(_ body: (Peer, PeerStatus?) -> Void) {
        let peers = loader.registry.peers
        for start in stride(from: 0, to: peers.count, by: Self.batch) {
            let batch = peers[start..<min(start + Self.batch, peers.count)]
            for (peer, status) in zip(batch, datapath.peerStatus(batch.map(\.name)[...])) { body(peer, status) }
        }
    }

    private func describe(_ peer: Peer, _ status: PeerStatus?, now: Int64) -> StatusReport.Peer {
        let traffic = status?.traffic ?? PeerTraffic()
        return StatusReport.Peer(
            name: peer.name, nodeID: peer.nodeID, subnets: peer.subnets,
            endpoint: status?.endpoint?.description, endpoints: peer.endpoints.map(\.description),
            sent: .init(packets: traffic.sentPackets, bytes: traffic.sentBytes),
            received: .init(packets: traffic.receivedPackets, bytes: traffic.receivedBytes),
            lastReceived: traffic.lastReceived.map { Int(now - $0) },
            note: note(peer, canSend: status?.endpoint != nil))
    }

    private func note(_ peer: Peer, canSend: Bool) -> String {
        if peer.subnets.isEmpty { return "holds no subnet: other nodes have the better claims" }
        if canSend { return "" }
        if peer.isDynamic, peer.endpoints.isEmpty { return "behind NAT: nothing can be sent until it is discovered" }
        if peer.endpoints.contains(where: { $0.socketAddress == nil }) {
            return "its host name is not resolved, or there is no route to what it stands for"
        }
        return peer.endpoints.isEmpty ? "has no endpoint in the node file" : "no route to any of its endpoints"
    }
}
