import Addressing
import ArgumentParser
import Host
import JSON
import Overlay
import Service

/// Measures the round trip to another node through the overlay.
struct Ping: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Ping another node through the overlay, in every family that it has.",
        discussion: "Exits with 1 if an address of the node does not answer.")

    @Argument(help: "The node's name in the node annotation file.")
    var node: String

    @Option(name: .shortAndLong, help: "How many requests to send to each address.")
    var count = 3

    @Option(help: "How many seconds to wait for each reply.")
    var timeout = 1

    @Flag(help: "Print JSON.")
    var json = false

    /// What came of the requests to one address.
    struct Result {
        let address: IPAddress
        var times: [Duration] = []
        var failure: String?

        var isGood: Bool { !times.isEmpty }
    }

    func validate() throws {
        guard (1...1000).contains(count) else { throw ValidationError("send 1 to 1000 requests, not \(count)") }
        guard (1...60).contains(timeout) else { throw ValidationError("wait 1 to 60 seconds, not \(timeout)") }
    }

    func run() throws {
        let report = try DaemonClient(.current).status()
        guard report.name != node else { throw CommandFailure("\(node) is this node; name another one") }
        guard let peer = report.peers.first(where: { $0.name == node }) else {
            throw CommandFailure("no peer is called \"\(node)\"; see `warrensctl peers`")
        }
        let addresses = peer.subnets.compactMap { NodeSubnet($0)?.tunnelAddress }
        guard !addresses.isEmpty else { throw CommandFailure("\(node) holds no subnet: \(peer.note)") }
        let results = addresses.map(measure)
        if json {
            Output.print(.object(["node": .string(node), "results": .array(results.map(Self.document))]))
        } else {
            for result in results { print("\(node) \(Self.text(result))") }
        }
        if !results.allSatisfy(\.isGood) { throw ExitCode.failure }
    }

    private func measure(_ address: IPAddress) -> Result {
        var result = Result(address: address)
        do throws(SystemError) {
            let socket = try EchoSocket(to: address)
            for sequence in 1...count {
                let time = try socket.roundTrip(sequence: UInt16(sequence), timeout: .seconds(timeout))
                if let time { result.times.append(time) }
            }
        } catch {
            result.failure = error.description
        }
        if !result.isGood, result.failure == nil { result.failure = "no reply within \(timeout) s" }
        return result
    }

    private static func text(_ result: Result) -> String {
        let times = result.times.map(Quantity.milliseconds).joined(separator: ", ")
        return [result.address.description, times, result.failure ?? ""].filter { !$0.isEmpty }.joined(separator: ": ")
    }

    private static func document(_ result: Result) -> JSONValue {
        let milliseconds = result.times.map { time -> JSONValue in
            let (seconds, attoseconds) = time.components
            return .number(JSONNumber(Double(seconds) * 1000 + Double(attoseconds) / 1e15))
        }
        return [
            "address": .string(result.address.description), "milliseconds": .array(milliseconds),
            "error": Output.optional(result.failure),
        ]
    }
}
