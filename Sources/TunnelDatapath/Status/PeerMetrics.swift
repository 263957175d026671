internal import Overlay
internal import PacketPath
internal import Service

/// What is to be told of the peers: how many there are, and series of each as long as they are not too many.
struct PeerMetrics {
    private typealias Labels = MetricsText.Labels

    private let reporter: StatusReporter
    private let showsEach: Bool

    init(_ reporter: StatusReporter, _ request: MetricsRequest) {
        self.reporter = reporter
        showsEach = request.showsPeers(reporter.loader.registry.peers.count)
    }

    func write(to page: inout MetricsText) {
        let peers = reporter.loader.registry.peers
        page.add("warrens_peers", .gauge, "Other nodes in the registry in force.", peers.count)
        page.add(
            "warrens_peers_unreachable", .gauge, "Peers that nothing can be sent to: no endpoint, or no route to it.",
            peers.count { reporter.datapath.peer(named: $0.name)?.endpoint == nil })
        page.add(
            "warrens_peers_other_framing", .gauge,
            "Peers that send with another framing than this node's, so that all that they send is dropped.",
            reporter.peersOfOtherFraming.count)
        page.add(
            "warrens_peers_omitted", .gauge,
            "Peers without series of their own in this answer; ask for /metrics?peers=all to have them.",
            showsEach ? 0 : peers.count)
        if showsEach { writeEach(peers, to: &page) }
    }

    private func writeEach(_ peers: [Peer], to page: inout MetricsText) {
        page.add(
            "warrens_peer_info", .gauge,
            "1, with what the peer announces: the release that it runs and its framing; unknown where it does not say.",
            peers.lazy.map { peer in
                (
                    Labels([
                        ("peer", peer.name), ("version", peer.version ?? "unknown"),
                        ("framing", peer.framing?.rawValue ?? "unknown"),
                    ]), 1
                )
            })
        // Collected once: the kernel is asked for each peer.
        var states: [(labels: Labels, isReachable: Bool, traffic: PeerTraffic)] = []
        states.reserveCapacity(peers.count)
        reporter.forEachPeerState { peer, status in
            states.append(
                (Labels([("peer", peer.name)]), status?.endpoint != nil, status?.traffic ?? PeerTraffic()))
        }
        page.add(
            "warrens_peer_reachable", .gauge,
            "1 where datagrams can be sent to the peer; whether they arrive is not known.",
            states.lazy.map { ($0.labels, $0.isReachable ? 1 : 0) })
        for (name, help, value) in Self.traffic {
            page.add(name, .counter, help, states.lazy.map { ($0.labels, $0.traffic[keyPath: value]) })
        }
    }

    private static var traffic: [(name: String, help: String, value: KeyPath<PeerTraffic, UInt64>)] {
        [
            ("warrens_peer_sent_packets_total", "Inner packets sent to the peer.", \.sentPackets),
            ("warrens_peer_sent_bytes_total", "Bytes of the inner packets sent to the peer.", \.sentBytes),
            ("warrens_peer_received_packets_total", "Inner packets received from the peer.", \.receivedPackets),
            (
                "warrens_peer_received_bytes_total", "Bytes of the inner packets received from the peer.",
                \.receivedBytes
            ),
        ]
    }
}
