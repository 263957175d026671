import ArgumentParser
import Host

/// What an operator types.
@main
struct Warrensctl: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "warrensctl", abstract: "Looks after this node's part of the overlay network.",
        version: Release.version,
        subcommands: [
            Status.self, Peers.self, Ping.self, Trace.self, Metrics.self, Derive.self, Nodes.self, Doctor.self,
            Install.self, Uninstall.self, Stay.self,
        ])
}
