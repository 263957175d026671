import Host
import Overlay
import Service
import Testing

@testable import PacketPath
@testable import TunnelDatapath

@Suite struct MetricsTextTests {
    private typealias Labels = MetricsText.Labels

    @Test func aFamilyIsWrittenInOnePiece() {
        var page = MetricsText()
        page.add(
            "a_total", .counter, "Counts \"a\",\nback\\slash.",
            [(Labels([("x", "1"), ("y", "q\"b\\n\n")]), 1), (Labels([("x", "2"), ("y", "")]), 2)])
        page.add("b", .gauge, "One.", 2.5)
        #expect(
            page.text == #"""
                # HELP a_total Counts "a",\nback\\slash.
                # TYPE a_total counter
                a_total{x="1",y="q\"b\\n\n"} 1
                a_total{x="2",y=""} 2
                # HELP b One.
                # TYPE b gauge
                b 2.5

                """#)
    }

    @Test func aFamilyWithoutSamplesIsLeftOut() {
        var page = MetricsText()
        page.add("a", .gauge, "None.", [(Labels, Int)]())
        page.add("b", .gauge, "None.", nil as Int?)
        #expect(page.text == "")
    }

    @Test func everyCounterHasANameOfItsOwn() {
        var page = MetricsText()
        TrafficMetrics(totals: CounterTotals([])).write(to: &page)
        let types = page.text.split(separator: "\n").filter { $0.hasPrefix("# TYPE ") }
        #expect(types.count == TrafficCounter.allCases.count + 1 && Set(types).count == types.count)
        #expect(types.allSatisfy { $0.hasSuffix("_total counter") })
        #expect(page.text.split(separator: "\n").count { $0.contains("{reason=") } == DropReason.allCases.count)
    }
}

@Suite struct MetricsRequestTests {
    @Test func theQueryIsRead() throws {
        let usual = try MetricsRequest(query: "")
        #expect(usual.process == .own && usual.showsPeers(1000) && !usual.showsPeers(1001))
        let all = try MetricsRequest(query: "peers=all&process=none")
        #expect(all.process == .none && all.showsPeers(100_000))
        #expect(try !MetricsRequest(query: "peers=none").showsPeers(1))
    }

    @Test(arguments: [
        ("peers=some", "peers"), ("peers", "peers"), ("process=all", "process"), ("peer=all", "peer"), ("=", ""),
    ])
    func aBadQueryNamesItsField(query: String, field: String) {
        let error = #expect(throws: OverlayError.self) { try MetricsRequest(query: query) }
        #expect(error?.key == field)
    }
}

/// The page as a daemon answers it. Its format is held to the letter of the specification by the end-to-end suite.
extension DaemonTests {
    /// The sample of a series as it stands; nil where there is none.
    private func value(_ series: String, _ page: String) -> Substring? {
        page.split(separator: "\n").first { $0.hasPrefix("\(series) ") }?.dropFirst(series.utf8.count + 1)
    }

    @Test func metricsTellOfRegistryAndNode() throws {
        let network = try TestNetwork(.v4)
        try network.a.start()
        let page = { network.a.get("/metrics") }
        for (series, expected) in [
            ("warrens_build_info{version=\"\(Release.version)\",framing=\"raw\"}", "1"),
            ("warrens_peers", "1"), ("warrens_peers_unreachable", "0"), ("warrens_peers_omitted", "0"),
            ("warrens_registry_last_read_successful", "1"), ("warrens_registry_conflicts", "0"),
            ("warrens_renumberings_total", "0"), ("warrens_attachments", "0"),
            ("warrens_peer_reachable{peer=\"b\"}", "1"),
            ("warrens_peer_info{peer=\"b\",version=\"unknown\",framing=\"unknown\"}", "1"),
            ("warrens_leased_addresses{family=\"ipv4\",subnet=\"10.220.106.0/24\"}", "0"),
            ("warrens_leasable_addresses{family=\"ipv4\",subnet=\"10.220.106.0/24\"}", "248"),
        ] {
            #expect(value(series, page()).map(String.init) == expected, "\(series) in \(page())")
        }
        let memory = try #require(value("process_resident_memory_bytes", page()).flatMap { Int($0) })
        #expect((1 << 20..<1 << 28).contains(memory))
        #expect(!network.a.get("/metrics?process=none").contains("process_"))
        #expect(!network.a.get("/metrics?peers=none").contains("warrens_peer_reachable"))
        #expect(network.a.get("/metrics?peers=few").contains("\"few\" is not known"))
        try Files.replace(network.a.paths.nodeFile, with: "{".utf8)
        #expect(try eventually { value("warrens_registry_last_read_successful", page()) == "0" })
        #expect(value("warrens_peers", page()) == "1")
    }

    @Test func seriesOfPeersAreBounded() throws {
        let network = try TestNetwork(.v4)
        let more = (0..<MetricsRequest.usualPeers).map { number in
            (name: "n\(number)", machineID: String(repeating: "0", count: 28) + "\(1000 + number)".suffix(4))
        }
        try Files.replace(
            network.a.paths.nodeFile, with: TestNetwork.nodes([network.a, network.b], and: more).utf8)
        try network.a.start()
        let usual = network.a.get("/metrics")
        #expect(value("warrens_peers", usual) == "1001" && value("warrens_peers_omitted", usual) == "1001")
        #expect(!usual.contains("peer=\""))
        let all = network.a.get("/metrics?peers=all")
        #expect(value("warrens_peers_omitted", all) == "0")
        #expect(all.split(separator: "\n").count { $0.hasPrefix("warrens_peer_sent_bytes_total{") } == 1001)
    }
}
