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
        case (.none, _): (way, isForCutPackets, reason) = (nil, false, Self.insistence)
        case (.loop, _): (way, isForCutPackets, reason) = (loop, false, Self.insistence)
        case (.gue, _):
            (way, isForCutPackets, reason) = (try GUEMerging(port: settings.port, kernel), false, Self.insistence)
        case (.xdp, _):
            throw SystemError(
                "use aggregation", settings.aggregation.rawValue, code: EOPNOTSUPP,
                detail: "it is not in this version; use \"auto\", \"loop\" or \"none\"")
        case (.auto, _) where try UplinkTraits.stayInside(uplinks):
            (way, isForCutPackets, reason) = (loop, true, "the uplinks cut what they send")
        case (.auto, .gpe):
            do throws(SystemError) {
                (way, isForCutPackets, reason) = (try GPEMerging(port: settings.port, kernel), false, "framing gpe")
            } catch {
                (way, isForCutPackets, reason) = (loop, true, "no VXLAN-GPE (\(error))")
            }
        case (.auto, .raw):
            do throws(SystemError) {
                (way, isForCutPackets, reason) = (
                    try GUEMerging(port: settings.port, kernel), false, "the kernel has fou"
                )
            } catch {
                (way, isForCutPackets, reason) = (loop, true, "no GUE (\(error))")
            }
        }
    }
}
