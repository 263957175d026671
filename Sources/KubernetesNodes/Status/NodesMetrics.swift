internal import Service

/// The report in Prometheus's text format, version 0.0.4.
enum NodesMetrics {
    static func text(_ report: NodesReport) -> String {
        var page = MetricsText()
        page.add(
            "warrens_nodes_build_info", .gauge, "The version of warrens-nodes that runs.",
            [(MetricsText.Labels([("version", report.version)]), 1)])
        page.add(
            "warrens_nodes_ready", .gauge,
            "1 where pods can be attached: the claim is confirmed and a node file written.",
            report.obstacle == nil ? 1 : 0)
        page.add(
            "warrens_nodes_claim_confirmed", .gauge,
            "1 where the API server has this node's claim and nobody has a better one.", report.isConfirmed ? 1 : 0)
        page.add("warrens_nodes_watching", .gauge, "1 while a watch on nodes is open.", report.isWatching ? 1 : 0)
        page.add("warrens_nodes_known", .gauge, "Nodes in the node file.", report.nodes)
        page.add(
            "warrens_nodes_doubted", .gauge, "Nodes that are kept though a suspiciously short list did not have them.",
            report.doubted)
        page.add(
            "warrens_nodes_last_contact_timestamp_seconds", .gauge,
            "When the API server last said anything; 0 for never.", report.lastContact ?? 0)
        for (count, name, help) in counters { page.add(name, .counter, help, report.counts[count] ?? 0) }
        return page.text
    }

    private static let counters: [(NodesReport.Count, String, String)] = [
        (.lists, "warrens_nodes_lists_total", "Lists of all nodes that were read to their end."),
        (.watches, "warrens_nodes_watches_total", "Watches that were opened."),
        (.events, "warrens_nodes_watch_events_total", "Events of watches, bookmarks among them."),
        (.patches, "warrens_nodes_patches_total", "Changes of this node's annotations."),
        (.failures, "warrens_nodes_api_failures_total", "Attempts to speak to the API server that failed."),
        (.fileWrites, "warrens_nodes_file_writes_total", "How often the node file was replaced."),
    ]
}
