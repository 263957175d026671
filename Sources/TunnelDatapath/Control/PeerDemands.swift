import Addressing
internal import Overlay
internal import PacketPath

/// What all peers together ask of this host's network. Kept up to date peer by peer, because most ask for nothing of
/// their own, and a change of one must not cost a look at all.
struct PeerDemands {
    /// What one peer asks for.
    struct Demand: Equatable {
        /// Prefixes that lead into the tunnel besides those of the overlay.
        var destinations: [IPPrefix] = []
        /// Why others do not.
        var problems: [NodeProblem] = []

        var isEmpty: Bool { destinations.isEmpty && problems.isEmpty }
    }

    private let framing: Settings.Framing
    /// How many peers there are for each size of the largest inner packet that they can be sent, in bytes.
    private var limits: [Int: Int] = [:]
    private var demands: [String: Demand] = [:]

    init(_ framing: Settings.Framing) { self.framing = framing }

    /// The largest inner packet that every peer can be sent, in bytes; nil where none can be sent anything.
    var smallestLimit: Int? { limits.keys.min() }

    /// In the order of the peers' names.
    var destinations: [IPPrefix] { inOrder.flatMap(\.destinations) }
    var problems: [NodeProblem] { inOrder.flatMap(\.problems) }

    private var inOrder: [Demand] { demands.sorted { $0.key < $1.key }.map(\.value) }

    /// - Parameters:
    ///   - old: What the plan said of the peer before; nil for nothing.
    ///   - new: What it says now, and what follows from that.
    mutating func replace(_ old: ForwardingPlan.Peer?, by new: (peer: ForwardingPlan.Peer, demand: Demand)?) {
        if let old {
            count(old, -1)
            demands[old.name] = nil
        }
        guard let new else { return }
        count(new.peer, 1)
        if !new.demand.isEmpty { demands[new.peer.name] = new.demand }
    }

    private mutating func count(_ peer: ForwardingPlan.Peer, _ step: Int) {
        guard let endpoint = peer.endpoint else { return }
        let limit = peer.routeMTU - WireFormat.overhead(endpoint.address.family, framing)
        let count = limits[limit, default: 0] + step
        limits[limit] = count == 0 ? nil : count
    }
}
