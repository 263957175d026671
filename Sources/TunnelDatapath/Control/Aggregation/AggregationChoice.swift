internal import Glibc
internal import Host
internal import Netlink
internal import Overlay

/// Which way merges on this node: the first of those in question that this host can go.
struct AggregationChoice {
    /// Nil for none.
    let way: (any MergingWay)?
    /// Only while packets of the wire's size come in.
    let isForCutPackets: Bool
    /// For people to read.
    let reason: String

    private static let insistence = "the settings say so"

    init(_ settings: Settings, _ uplinks: [Link], _ kernel: NodeKernel) throws(SystemError) {
        let loop = LoopMerging(routes: kernel.routes)
        switch (settings.aggregation, settings.framing) {
        case (.none, _): self.init(nil, Self.insistence)
        case (.loop, _): self.init(loop, Self.insistence)
        case (.gue, _): self.init(try GUEMerging(port: settings.port, kernel), Self.insistence)
        case (.xdp, _): self.init(try XDPMerging(uplinks), Self.insistence)
        case (.auto, _) where try UplinkTraits.stayInside(uplinks):
            self.init(loop, "the uplinks cut what they send", isForCutPackets: true)
        case (.auto, .gpe):
            self = Self.first(
                of: [("GPE", { () throws(SystemError) in try GPEMerging(port: settings.port, kernel) })], else: loop)
        case (.auto, .raw):
            self = Self.first(
                of: [
                    ("XDP", { () throws(SystemError) in try XDPMerging(onCards: uplinks) }),
                    ("GUE", { () throws(SystemError) in try GUEMerging(port: settings.port, kernel) }),
                ], else: loop)
        }
    }

    private init(_ way: (any MergingWay)?, _ reason: String, isForCutPackets: Bool = false) {
        self.way = way
        self.reason = reason
        self.isForCutPackets = isForCutPackets
    }

    private typealias Candidate = (name: String, make: () throws(SystemError) -> any MergingWay)

    /// The first that this host can go, and why not those before it.
    private static func first(of candidates: [Candidate], else last: any MergingWay) -> AggregationChoice {
        var obstacles: [String] = []
        for (name, make) in candidates {
            do throws(SystemError) {
                let way = try make()
                return AggregationChoice(way, (["the best that there is"] + obstacles).joined(separator: "; "))
            } catch {
                obstacles.append("no \(name): \(error)")
            }
        }
        return AggregationChoice(last, obstacles.joined(separator: "; "), isForCutPackets: true)
    }
}
