internal import Overlay
internal import PacketPath

/// The status in Prometheus's text format, version 0.0.4.
enum Metrics {
    /// - Parameter uptime: In seconds.
    static func text(_ reporter: StatusReporter, uptime: Int) -> String {
        let (report, totals) = reporter.report(uptime: uptime)
        var out = Output()
        out.family("warrens_build_info", "gauge", "The version that runs, and the datapath in use.")
        out.sample("warrens_build_info", [("version", report.version), ("datapath", report.datapath)], 1)
        out.single("warrens_uptime_seconds", "gauge", "Since the process started.", UInt64(max(0, report.uptime)))
        out.single("warrens_mtu_bytes", "gauge", "The largest inner packet.", UInt64(max(0, report.mtu)))
        out.single("warrens_peers", "gauge", "Peers in force.", UInt64(report.registry.peers))
        out.single(
            "warrens_registry_problems", "gauge", "What in the node file could not be used.",
            UInt64(report.registry.problems.count))
        out.single(
            "warrens_registry_conflicts", "gauge", "Subnets that two nodes claim.",
            UInt64(report.registry.conflicts.count))
        out.single(
            "warrens_registry_stale", "gauge",
            "1 while the node file cannot be read and the last good one is in force.",
            report.registry.lastError == nil ? 0 : 1)
        for counter in TrafficCounter.allCases {
            out.single(
                "warrens_\(snakeCase(counter.name))_total", "counter", "See DropReason and TrafficCounter.",
                totals[counter])
        }
        out.family("warrens_dropped_packets_total", "counter", "Packets that were not carried, by reason.")
        for reason in DropReason.allCases {
            out.sample("warrens_dropped_packets_total", [("reason", reason.name)], totals[reason])
        }
        peers(reporter, &out)
        return out.text
    }

    private static func peers(_ reporter: StatusReporter, _ out: inout Output) {
        let families: [(String, String, (StatusReport.Peer) -> UInt64)] = [
            ("warrens_peer_sent_packets_total", "Inner packets sent to the peer.", { $0.sent.packets }),
            ("warrens_peer_sent_bytes_total", "Inner bytes sent to the peer.", { $0.sent.bytes }),
            ("warrens_peer_received_packets_total", "Inner packets received from the peer.", { $0.received.packets }),
            ("warrens_peer_received_bytes_total", "Inner bytes received from the peer.", { $0.received.bytes }),
        ]
        for (name, help, value) in families {
            out.family(name, "counter", help)
            reporter.forEachPeer { peer in out.sample(name, [("peer", peer.name)], value(peer)) }
        }
    }

    /// `sentPackets` becomes `sent_packets`, `pathMTUChanges` becomes `path_mtu_changes`.
    static func snakeCase(_ name: String) -> String {
        let characters = Array(name)
        var result = ""
        for (index, character) in characters.enumerated() {
            let startsWord =
                character.isUppercase && index > 0
                && (characters[index - 1].isLowercase
                    || index + 1 < characters.count && characters[index + 1].isLowercase)
            if startsWord { result += "_" }
            result += character.lowercased()
        }
        return result
    }

    private struct Output {
        var text = ""

        mutating func family(_ name: String, _ kind: String, _ help: String) {
            text += "# HELP \(name) \(help)\n# TYPE \(name) \(kind)\n"
        }

        mutating func sample(_ name: String, _ labels: [(String, String)], _ value: UInt64) {
            let list = labels.map { "\($0)=\"\(Self.escaped($1))\"" }.joined(separator: ",")
            text += list.isEmpty ? "\(name) \(value)\n" : "\(name){\(list)} \(value)\n"
        }

        mutating func single(_ name: String, _ kind: String, _ help: String, _ value: UInt64) {
            family(name, kind, help)
            sample(name, [], value)
        }

        private static func escaped(_ value: String) -> String {
            value.reduce(into: "") { text, character in
                switch character {
                case "\\": text += "\\\\"
                case "\"": text += "\\\""
                case "\n": text += "\\n"
                default: text.append(character)
                }
            }
        }
    }
}
