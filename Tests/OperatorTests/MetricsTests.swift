import Host
import Testing

@testable import Operator

@Suite struct MetricsTests {
    /// An alert fires where metrics are absent; where they are old, none does.
    @Test func theFileOfADaemonThatIsGoneDoesNotStay() throws {
        let path = "/tmp/warrens-metrics-tests-\(UInt32.random(in: 0 ... .max)).prom"
        defer { _ = try? Files.remove(path) }
        try Files.replace(path, with: Array("warrens_peers 1\n".utf8))
        let run = try OperatorRun("metrics", "--textfile", path)
        #expect(run.code == 1 && run.errors.contains("warrensd does not run"))
        #expect(!Files.exists(path))
    }

    @Test func withoutADaemonNothingIsPrinted() throws {
        let run = try OperatorRun("metrics")
        #expect(run.code == 1 && run.output == "" && run.errors.contains("warrensd does not run"))
    }

    @Test func whatNoExporterWouldReadIsRefused() throws {
        let run = try OperatorRun("metrics", "--textfile", "ROOT/warrens.txt")
        #expect(run.code == 64 && run.errors.contains(".prom"))
        #expect(try OperatorRun("metrics", "--peers", "some").code == 64)
    }
}
