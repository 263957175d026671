import Addressing
import ArgumentParser
import CNI
import Host
import JSON
import Overlay
import Service

/// Prints what would become of a packet that a pod sends.
struct Trace: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Say what would happen to a packet from a pod, step by step, and why.",
        discussion: """
            Asks the pod's and the host's kernel and warrensd; sends nothing. What is not looked at, as rules of packet \
            filters, is named. Exits with 1 where the packet would not go on its way.
            """)

    @Argument(
        help:
            "A pod of this node: its container id or the beginning of it, its name, its network namespace, or its address."
    )
    var pod: String

    @Argument(help: "The IP address that the packet goes to.", transform: Self.address)
    var destination: IPAddress

    @Option(
        help: "What it carries: tcp, udp, icmp or a protocol's number; icmp unless there is a port, else tcp.",
        transform: TransportProtocol.init)
    var `protocol`: TransportProtocol?

    @Option(help: "The port that it goes to.")
    var port: UInt16?

    @Option(help: "The port that it comes from.")
    var sourcePort: UInt16?

    @Option(help: "Its length with the IP header, in bytes.")
    var length = 84

    @Option(help: "Makes it a super-packet, to be cut into packets of this many bytes, headers included.")
    var segment: Int?

    @Flag(help: "Routers may fragment it: it is IPv4 without \"don't fragment\".")
    var mayFragment = false

    @Flag(help: "Print JSON.")
    var json = false

    static func address(_ text: String) throws -> IPAddress {
        guard let address = IPAddress(text) else {
            throw ValidationError("\"\(text)\" is not an IP address; give an address, not a name or a prefix")
        }
        guard !address.isUnspecified, !address.isLoopback, !address.isMulticast else {
            throw ValidationError("\(text) is not the address of another host")
        }
        return address
    }

    /// What stands in front of the payload of a packet of this kind, in bytes.
    private var headers: Int {
        (destination.family == .v4 ? 20 : 40) + transport.headerLength
    }

    private var transport: TransportProtocol {
        `protocol` ?? (port == nil && sourcePort == nil ? .icmp : .tcp)
    }

    func validate() throws {
        guard (headers...65535).contains(length) else {
            throw ValidationError("such a packet has \(headers) to 65535 bytes, not \(length)")
        }
        if let segment, !(headers + 1...length).contains(segment) {
            throw ValidationError("a packet that \(length) bytes are cut into has not \(segment) bytes")
        }
        if port != nil || sourcePort != nil, !transport.hasPorts {
            throw ValidationError("only tcp and udp have ports")
        }
        if mayFragment, destination.family == .v6 { throw ValidationError("no router fragments IPv6") }
    }

    func run() throws {
        let paths = NodePaths.current
        let settings = try Settings.load(paths)
        let records = try AttachmentRecords(paths).all()
        let record = try TracedPod.find(pod, of: destination.family, in: records)
        let packet = TrialPacket(
            source: try TracedPod.address(of: record, destination.family), destination: destination,
            protocolNumber: transport.number(destination.family), sourcePort: sourcePort, destinationPort: port,
            length: length, segmentLength: segment, mayBeFragmented: mayFragment)
        var journey = Journey(packet, of: record, records, settings, DaemonClient(paths))
        journey.travel()
        if json {
            Output.print(journey.json)
        } else {
            print(journey.text, terminator: "")
        }
        if !journey.outcome.isOnItsWay { throw ExitCode.failure }
    }
}
