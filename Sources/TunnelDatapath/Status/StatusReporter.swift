import Addressing
internal import Overlay
internal import PacketPath

/// Puts together what `status` shows of the control side.
struct StatusReporter {
    let settings: Settings
    let node: LocalNode
    let loader: RegistryLoader
    let plan: ForwardingPlan
    /// What the registry cannot know is wrong with its nodes: it clashes with this host.
    let hostProblems: [NodeProblem]
    let mtu: Int
    let datapath: String
    let datapathReason: String
    let warnings: [String]

    func report() -> StatusReport {
        let planned = Dictionary(plan.peers.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        return StatusReport(
            version: Daemon.version, datapath: datapath, datapathReason: datapathReason, name: node.name,
            nodeID: node.nodeID, subnets: (node.subnets + node.draining).map(\.prefix), claim: node.claim, mtu: mtu,
            uptime: 0,
            registry: .init(
                peers: loader.registry.peers.count, problems: loader.registry.problems + hostProblems,
                conflicts: loader.registry.conflicts, file: loader.path, loadedAt: loader.loadedAt,
                lastError: loader.lastError?.description),
            peers: loader.registry.peers.map { peer($0, planned[$0.name]) }, warnings: warnings)
    }

    private func peer(_ peer: Peer, _ planned: ForwardingPlan.Peer?) -> StatusReport.Peer {
        StatusReport.Peer(
            name: peer.name, nodeID: peer.nodeID, subnets: peer.subnets,
            endpoint: planned?.endpoint?.description, endpoints: peer.endpoints.map(\.description),
            note: note(peer, planned))
    }

    private func note(_ peer: Peer, _ planned: ForwardingPlan.Peer?) -> String {
        if peer.subnets.isEmpty { return "holds no subnet: other nodes have the better claims" }
        guard planned?.endpoint == nil else { return "" }
        if peer.isDynamic, peer.endpoints.isEmpty { return "behind NAT: nothing can be sent until it is discovered" }
        if peer.endpoints.contains(where: { $0.socketAddress == nil }) {
            return "its host name is not resolved, or there is no route to what it stands for"
        }
        return peer.endpoints.isEmpty ? "has no endpoint in the node file" : "no route to any of its endpoints"
    }
}
