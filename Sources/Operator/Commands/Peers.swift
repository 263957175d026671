import Addressing
import ArgumentParser
import Host
import JSON
import Overlay
import Service

/// Prints the other nodes as the datapath sees them.
struct Peers: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print the other nodes, where their datagrams go and what was exchanged.")

    @Flag(help: "Print JSON.")
    var json = false

    func run() throws {
        let report = try DaemonClient(.current).status()
        if json {
            Output.print(.array(report.peers.map(\.json)))
        } else {
            print(Self.text(report.peers), terminator: "")
        }
    }

    static func text(_ peers: [StatusReport.Peer]) -> String {
        var table = Table("NODE", "SUBNETS", "ENDPOINT", "SENT", "RECEIVED", "LAST RECEIVED", "NOTE")
        for peer in peers {
            table.add(
                peer.name, peer.subnets.map(\.description).joined(separator: "\n"), peer.endpoint ?? "-",
                Quantity.bytes(peer.sent.bytes), Quantity.bytes(peer.received.bytes),
                peer.lastReceived.map { "\(Quantity.duration($0)) ago" } ?? "-", peer.note)
        }
        return table.text
    }
}
