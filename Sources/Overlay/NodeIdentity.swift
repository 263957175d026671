public import Addressing
import JSON

/// What a node must remember about itself across reboots: `/var/lib/warrens/identity.json`.
public struct NodeIdentity: Hashable, Sendable {
    /// The machine that this identity was made on. A disk that was copied to another machine carries a strange one.
    public let machineID: MachineID
    /// 16 bytes that went into the node id; they matter from generation 1 on.
    public var randomness: [UInt8]
    public var claim: Claim

    /// The identity that a machine starts with.
    public init(machineID: MachineID) {
        self.init(machineID: machineID, randomness: [UInt8](repeating: 0, count: 16), claim: Claim())
    }

    init(machineID: MachineID, randomness: [UInt8], claim: Claim) {
        self.machineID = machineID
        self.randomness = randomness
        self.claim = claim
    }

    public var nodeID: NodeID {
        NodeID(machineID: machineID, randomness: randomness, generation: claim.generation)
    }

    /// The identity after this node lost its subnets to another: the next generation, undated, with new randomness.
    ///
    /// Machines that were made from one image share everything else, so each needs bytes of its own.
    /// - Parameters:
    ///   - randomness: 16 bytes that no other node has.
    ///   - draining: The present subnets where containers still use them; they join those that are draining already.
    /// - Returns: Nil after 255 renumberings.
    public func renumbered(randomness: [UInt8], draining: [IPPrefix]) -> NodeIdentity? {
        let (generation, overflow) = claim.generation.addingReportingOverflow(1)
        guard !overflow, randomness.count == 16 else { return nil }
        let kept = claim.draining + draining.map(\.network).filter { !claim.draining.contains($0) }
        return NodeIdentity(
            machineID: machineID, randomness: randomness, claim: Claim(generation: generation, draining: kept))
    }

    /// The identity with its claim dated, once the clock can be trusted; a date that is there stays.
    public func dated(_ now: Timestamp) -> NodeIdentity {
        var dated = self
        dated.claim.since = claim.since ?? now
        return dated
    }

    /// The identity after the last containers in `subnets` ended.
    public func drained(_ subnets: [IPPrefix]) -> NodeIdentity {
        var drained = self
        drained.claim.draining.removeAll(where: subnets.contains)
        return drained
    }

    /// The content of the file.
    var json: JSONValue {
        .object([
            "machineID": .string(machineID.text),
            "randomness": .string(Hexadecimal.text(randomness)),
            "claim": .string(claim.description),
        ])
    }

    /// Reads the content of the file; nil where it is not what ``json`` writes.
    init?(json: JSONValue) {
        guard let object = json.objectValue,
            let machineID = object["machineID"]?.stringValue.flatMap({ MachineID($0) }),
            let randomness = object["randomness"]?.stringValue.flatMap({ Hexadecimal.bytes($0.utf8) }),
            randomness.count == 16, let claim = object["claim"]?.stringValue.flatMap({ Claim($0) })
        else { return nil }
        self.init(machineID: machineID, randomness: randomness, claim: claim)
    }
}
