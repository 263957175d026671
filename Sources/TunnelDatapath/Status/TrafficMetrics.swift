internal import PacketPath
internal import Service

/// What the datapath has counted, in all.
struct TrafficMetrics {
    let totals: CounterTotals

    func write(to page: inout MetricsText) {
        for counter in TrafficCounter.allCases {
            let (name, help) = Self.family(counter)
            page.add("warrens_\(name)_total", .counter, help, totals[counter])
        }
        page.add(
            "warrens_dropped_packets_total", .counter,
            "Packets that were not carried, by reason; docs/observability.md tells what each means.",
            DropReason.allCases.map { (MetricsText.Labels([("reason", $0.name)]), totals[$0]) })
    }

    private static func family(_ counter: TrafficCounter) -> (name: String, help: String) {
        switch counter {
        case .sentPackets: ("sent_packets", "Inner packets sent to peers.")
        case .sentBytes: ("sent_bytes", "Bytes of the inner packets sent to peers, their headers included.")
        case .receivedPackets: ("received_packets", "Inner packets received from peers and delivered.")
        case .receivedBytes:
            ("received_bytes", "Bytes of the inner packets received from peers and delivered, their headers included.")
        case .errorsSent: ("icmp_errors_sent", "ICMP errors written back to senders, as unreachable or too big.")
        case .errorsSuppressed: ("icmp_errors_suppressed", "ICMP errors that the rate limit held back.")
        case .fragmented: ("fragmented_packets", "Inner IPv4 packets that were split for a narrow path.")
        case .pathMTUChanges: ("path_mtu_changes", "Path MTUs learned from the network.")
        case .segmentedSends: ("segmented_sends", "Sends of several datagrams that the kernel cut.")
        case .mergedDeliveries: ("merged_deliveries", "Deliveries of several packets as one super-packet.")
        case .segmentationRefusals:
            ("segmentation_refusals", "Sends that the kernel could not cut for want of checksum offload.")
        case .bypassedSent: ("bypassed_sent_packets", "Sent packets that skipped the host's stack (fastPath).")
        case .bypassedReceived:
            ("bypassed_received_packets", "Received packets that skipped the host's stack (fastPath).")
        case .declinedSent: ("declined_sent_packets", "Packets that the kernel's programs left to the daemon to send.")
        case .declinedReceived:
            ("declined_received_packets", "Datagrams that the kernel's programs left to the daemon to receive.")
        }
    }
}
