import Addressing
internal import Host
internal import Overlay
internal import Service

/// The status in Prometheus's text format. docs/observability.md tells what each metric means and what to do about it.
///
/// Numbers alone, and labels of few values: whatever people have to read, as the text of an error, is in `status`.
struct Metrics {
    private typealias Labels = MetricsText.Labels

    private let reporter: StatusReporter
    private let report: StatusReport
    private var page = MetricsText()

    static func text(_ reporter: StatusReporter, _ request: MetricsRequest) -> String {
        let (report, totals) = reporter.report(uptime: 0)
        var metrics = Metrics(reporter, report)
        metrics.writeNode()
        metrics.writeDatapath()
        TrafficMetrics(totals: totals).write(to: &metrics.page)
        metrics.writeRegistry()
        PeerMetrics(reporter, request).write(to: &metrics.page)
        metrics.writeAddresses()
        if request.process == .own { metrics.writeProcess() }
        return metrics.page.text
    }

    private init(_ reporter: StatusReporter, _ report: StatusReport) {
        self.reporter = reporter
        self.report = report
    }

    private mutating func writeNode() {
        page.add(
            "warrens_build_info", .gauge, "1, with the release that runs and the framing that it is set to.",
            [(Labels([("version", report.version), ("framing", reporter.framing.rawValue)]), 1)])
        page.add(
            "warrens_node_info", .gauge, "1, with this node's name in the node file and its node id.",
            [(Labels([("node", report.name), ("node_id", report.nodeID.description)]), 1)])
        page.add(
            "warrens_warnings", .gauge, "What a person should know, as warrensctl status prints it.",
            report.warnings.count)
        page.add(
            "warrens_renumberings_total", .counter,
            "How often this node gave up subnets to another node's better claim, since it was installed.",
            report.claim.generation)
        page.add(
            "warrens_claim_timestamp_seconds", .gauge,
            "Since when this node has held its subnets; absent until its clock was synchronised once.",
            report.claim.since?.seconds)
    }

    private mutating func writeDatapath() {
        page.add(
            "warrens_datapath_info", .gauge,
            "1, with the datapath, how programs hang on devices, and what merges received packets.",
            [
                (
                    Labels([
                        ("datapath", report.datapath), ("hooks", report.kernel?.hooks ?? "none"),
                        ("aggregation", reporter.aggregation),
                    ]), 1
                )
            ])
        page.add("warrens_mtu_bytes", .gauge, "The longest inner packet, in bytes.", report.mtu)
        guard let kernel = report.kernel else { return }
        // Not by device: there may be two for each pod.
        let programs = Dictionary(grouping: kernel.programs) { [$0.name, $0.direction] }
            .sorted { $0.key.lexicographicallyPrecedes($1.key) }
            .map { key, places in (Labels([("program", key[0]), ("direction", key[1])]), places) }
        page.add(
            "warrens_datapath_programs", .gauge, "Places where an eBPF program is to be.",
            programs.map { ($0, $1.count) })
        page.add(
            "warrens_datapath_programs_missing", .gauge, "Places from which somebody has taken the eBPF program.",
            programs.map { ($0, $1.count { $0.number == nil }) })
        let maps = kernel.maps.map { (Labels([("map", $0.name)]), $0) }
        page.add(
            "warrens_datapath_map_entries", .gauge, "Entries of the eBPF map; absent where it cannot be read.",
            maps.compactMap { labels, map in map.entries.map { (labels, $0) } })
        page.add(
            "warrens_datapath_map_max_entries", .gauge,
            "How many entries the eBPF map has room for; flows forgets its oldest, the others refuse more.",
            maps.map { ($0, $1.capacity) })
    }

    private mutating func writeRegistry() {
        let registry = report.registry
        page.add(
            "warrens_registry_last_read_successful", .gauge,
            "0 while the node file cannot be used and what it last said stays in force.",
            registry.lastError == nil ? 1 : 0)
        page.add(
            "warrens_registry_timestamp_seconds", .gauge,
            "When the node file was last read with success; absent while it never was.", registry.loadedAt?.seconds)
        page.add(
            "warrens_registry_problems", .gauge, "What in the node file could not be used, entry by entry.",
            registry.problems.count)
        page.add(
            "warrens_registry_conflicts", .gauge, "Subnets and routes that two nodes claim.", registry.conflicts.count)
        page.add(
            "warrens_registry_lost_subnets", .gauge,
            "Subnets of this node that another node holds by the better claim, and that it still takes addresses from.",
            reporter.loader.registry.lost.count)
    }

    private mutating func writeAddresses() {
        let occupancy = NodeOccupancy(reporter.paths)
        page.add("warrens_attachments", .gauge, "Container interfaces that are attached.", occupancy.attachments)
        let labels = { (subnet: NodeSubnet) in
            Labels([("family", subnet.family == .v4 ? "ipv4" : "ipv6"), ("subnet", subnet.description)])
        }
        page.add(
            "warrens_leased_addresses", .gauge,
            "Addresses that warrens-ipam has leased, by subnet; of a draining one until its last container ends.",
            (reporter.node.subnets + reporter.node.draining).map { subnet in
                (labels(subnet), occupancy.leased.count { subnet.prefix.contains($0) })
            })
        page.add(
            "warrens_leasable_addresses", .gauge, "Addresses for containers that the subnet has in all.",
            reporter.node.subnets.map { (labels($0), $0.containerCount) })
    }

    /// Under the names that all programs use.
    private mutating func writeProcess() {
        guard let usage = ProcessUsage.current else { return }
        page.add(
            "process_cpu_seconds_total", .counter, "Total user and system CPU time spent in seconds.", usage.cpuSeconds)
        page.add(
            "process_start_time_seconds", .gauge, "Start time of the process since unix epoch in seconds.",
            usage.startTime)
        page.add(
            "process_resident_memory_bytes", .gauge, "Resident memory size in bytes.", usage.residentMemory)
        page.add("process_virtual_memory_bytes", .gauge, "Virtual memory size in bytes.", usage.virtualMemory)
        page.add("process_open_fds", .gauge, "Number of open file descriptors.", usage.openDescriptors)
        page.add("process_max_fds", .gauge, "Maximum number of open file descriptors.", usage.descriptorLimit)
    }
}
