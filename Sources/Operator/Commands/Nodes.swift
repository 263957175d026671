import Addressing
import ArgumentParser
import Host
import JSON
import Netlink
import Overlay

/// Prints what a node annotation file means.
struct Nodes: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print what a node annotation file means, and everything that is wrong with it.",
        discussion: "Exits with 1 if there is any problem or conflict.")

    @Argument(help: "The file: what `kubectl get nodes -o json` prints.", completion: .file(extensions: ["json"]))
    var file: String

    @Flag(help: "Print JSON.")
    var json = false

    func run() throws {
        let paths = NodePaths.current
        let settings = try Settings.load(paths)
        let nodeFile = try NodeFile.read(file, settings: settings)
        // A machine without an identity can look at a file all the same: there, every node is another one.
        let local = try? LocalNode.peek(paths: paths, settings: settings)
        let registry = Registry.build(from: nodeFile, local: local, settings: settings, facts: Self.facts)
        if json {
            Output.print(Self.document(registry))
        } else {
            print(Self.text(registry), terminator: "")
            if registry.selfEntry == nil, let local {
                print("\nThis node (\(local.name)) is not in the file; if it has another name there, set nodeName.")
            }
        }
        if !registry.problems.isEmpty || !registry.conflicts.isEmpty { throw ExitCode.failure }
    }

    /// All addresses of the peers are shown, so that nothing is known of the network but who this host is.
    private static var facts: UplinkFacts {
        var facts = UplinkFacts.unknown
        let addresses = (try? RouteSocket().addresses()) ?? []
        facts.ownAddresses = Set(addresses.map(\.prefix.address).filter { !$0.isLoopback && !$0.isLinkLocal })
        return facts
    }

    static func text(_ registry: Registry) -> String {
        var table = Table("NODE", "NODE ID", "SUBNETS", "ENDPOINTS", "NOTES")
        for peer in registry.peers {
            table.add(
                peer.name, peer.nodeID?.description ?? "-",
                (peer.subnets + peer.routes).map(\.description).joined(separator: "\n"),
                peer.endpoints.map(\.description).joined(separator: "\n"), notes(peer).joined(separator: "\n"))
        }
        if let entry = registry.selfEntry {
            table.add(
                entry.name, entry.nodeID?.description ?? "-",
                (entry.subnets + entry.routes).map(\.description).joined(separator: "\n"), "", "this node")
        }
        let findings =
            registry.problems.map(\.description) + registry.conflicts.map(\.description)
            + (registry.selfAbsence.map { [$0] } ?? [])
        return table.text + (findings.isEmpty ? "" : "\n" + findings.map { "\($0)\n" }.joined())
    }

    private static func notes(_ peer: Peer) -> [String] {
        var notes = peer.features.sorted()
        if peer.isDynamic { notes.append("dynamic") }
        if peer.isRelay { notes.append("relay") }
        if let version = peer.version { notes.append("version \(version)") }
        if peer.publicKey != nil { notes.append("has a key") }
        if peer.claim != Claim() { notes.append(peer.claim.description) }
        return notes
    }

    static func document(_ registry: Registry) -> JSONValue {
        .object([
            "self": Output.optional(registry.selfEntry?.name),
            "selfAbsence": Output.optional(registry.selfAbsence),
            "peers": .array(registry.peers.map(document)),
            "problems": .array(
                registry.problems.map { problem -> JSONValue in
                    [
                        "node": .string(problem.node), "field": .string(problem.field),
                        "message": .string(problem.message),
                    ]
                }),
            "conflicts": .array(
                registry.conflicts.map { conflict -> JSONValue in
                    [
                        "prefix": .string(conflict.prefix.description), "winner": .string(conflict.winner),
                        "loser": .string(conflict.loser),
                    ]
                }),
        ])
    }

    private static func document(_ peer: Peer) -> JSONValue {
        .object([
            "name": .string(peer.name), "nodeID": Output.optional(peer.nodeID), "subnets": Output.texts(peer.subnets),
            "routes": Output.texts(peer.routes), "endpoints": Output.texts(peer.endpoints),
            "dynamic": .bool(peer.isDynamic), "nodeAddresses": Output.texts(peer.nodeAddresses),
            "features": Output.texts(peer.features.sorted()), "version": Output.optional(peer.version),
            "relay": .bool(peer.isRelay), "claim": .string(peer.claim.description),
        ])
    }
}
