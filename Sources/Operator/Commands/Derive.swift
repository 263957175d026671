import Addressing
import ArgumentParser
import Host
import JSON
import Overlay

/// Prints the node id and the subnets that a machine gives itself.
struct Derive: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print the node id and the subnets of this machine, or of another one.",
        discussion: """
            Without a machine id, prints what this node has, renumberings and pinned subnets included. With one, \
            prints what a machine with that id gives itself under this node's settings.
            """)

    @Option(
        help: ArgumentHelp("The machine id to derive from: 32 hexadecimal digits.", valueName: "hex"),
        transform: Self.machineID)
    var machineID: MachineID?

    @Option(
        help: "Use the defaults of this profile (default or paper) instead of the settings file.",
        transform: Self.profile)
    var profile: Settings.Profile?

    @Flag(help: "Print JSON.")
    var json = false

    func run() throws {
        let paths = NodePaths.current
        let settings = try profile.map { Settings(profile: $0) } ?? Settings.load(paths)
        let nodeID: NodeID
        let subnets: [NodeSubnet]
        if let machineID {
            nodeID = NodeID(machineID: machineID)
            subnets = SelfAssignment.subnets(of: nodeID, settings: settings)
        } else {
            let node = try LocalNode.peek(paths: paths, settings: settings)
            nodeID = node.nodeID
            subnets = node.subnets
        }
        if json {
            Output.print(.object(["nodeID": .string(nodeID.description), "subnets": Output.texts(subnets)]))
        } else {
            print(Self.text(nodeID, subnets), terminator: "")
        }
    }

    static func text(_ nodeID: NodeID, _ subnets: [NodeSubnet]) -> String {
        let blocks = subnets.map { subnet in
            """

            Subnet      \(subnet)
            Tunnel      \(subnet.tunnelAddress)
            Bridge      \(subnet.bridgeAddress)
            Containers  \(subnet.firstContainer) to \(subnet.lastContainer) (\(subnet.containerCount))

            """
        }
        return "Node id \(nodeID)\n" + blocks.joined()
    }

    static func machineID(_ text: String) throws -> MachineID {
        guard let machineID = MachineID(text) else {
            throw ValidationError("\"\(text)\" is not a machine id of 32 hexadecimal digits (see /etc/machine-id)")
        }
        return machineID
    }

    static func profile(_ text: String) throws -> Settings.Profile {
        guard let profile = Settings.Profile(rawValue: text) else {
            let known = Settings.Profile.allCases.map(\.rawValue).joined(separator: " or ")
            throw ValidationError("\"\(text)\" is not a profile; use \(known)")
        }
        return profile
    }
}
