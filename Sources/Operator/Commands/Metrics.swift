import ArgumentParser
import Host
import Service

/// Prints the daemon's metrics, or keeps them where a node exporter finds them.
struct Metrics: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print the metrics of warrensd in Prometheus's text format.",
        discussion: "Needs no more than warrensd's socket. Exits with 1 unless warrensd runs.")

    @Option(
        help: ArgumentHelp(
            """
            Write them to this file instead, for a node exporter's textfile collector: replaced as a whole, and without the \
            metrics of the process, which the exporter has for itself. Removed where warrensd does not answer.
            """, valueName: "file"))
    var textfile: String?

    enum Peers: String, CaseIterable, ExpressibleByArgument {
        case usual, all, none
    }

    @Option(help: "Which peers have series of their own; usual: all of up to 1000, else none.")
    var peers = Peers.usual

    func validate() throws {
        if let textfile, !textfile.hasSuffix(".prom") {
            throw ValidationError("\"\(textfile)\" would not be read by a node exporter; let its name end in .prom")
        }
    }

    func run() throws {
        let client = DaemonClient(.current)
        guard let textfile else {
            return try StandardStreams.writeOutput(client.get("/metrics?peers=\(peers.rawValue)"))
        }
        do {
            try Files.replace(textfile, with: client.get("/metrics?peers=\(peers.rawValue)&process=none"))
        } catch let error as DaemonError {
            // An alert fires where metrics are absent; where they are old, none does.
            try Files.remove(textfile)
            throw error
        }
    }
}
