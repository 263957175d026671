import Addressing
import CNI
import Host
import JSON
import Overlay

/// What an ADD or STATUS works with: the node's subnets, the configuration, and the ranges that follow from both.
struct Setup {
    let settings: Settings
    let configuration: IPAMConfiguration
    let rangeSets: [RangeSet]
    /// Families that pods would get addresses of if the kernel had them.
    let missingFamilies: [IPFamily]
    /// The directory of the lease store.
    let root: String
    /// The network's bridge, whose routes are no clash.
    let bridge: String?

    /// The plugin that puts our addresses on the pod alone, by way of an interface whose name follows from the
    /// attachment. Any other puts their whole subnet on an interface of whatever name.
    static let ownPlugin = "warrens"

    init(_ request: Request, _ paths: NodePaths) throws(CNIError) {
        configuration = try IPAMConfiguration(request.configuration, settingsPath: paths.settings)
        let node: LocalNode
        let unpublished: LocalNode.Unpublished?
        do throws(OverlayError) {
            settings = try Settings.load(paths)
            // STATUS leaves no trace.
            node =
                request.verb == .status
                ? try LocalNode.peek(paths: paths, settings: settings)
                : try LocalNode.load(paths: paths, settings: settings)
            unpublished = configuration.isTunnelled ? try node.unpublished(paths, settings) : nil
        } catch {
            throw CNIError(.invalidConfiguration, "this node's subnets are not known", details: error.description)
        }
        // Later, when it is published, the same call succeeds.
        if let unpublished {
            throw CNIError(.tryAgainLater, unpublished.problem, details: unpublished.remedy)
        }
        let plan = RangePlan(subnets: node.subnets, withholdsLast: request.configuration.type != Self.ownPlugin)
        rangeSets = try plan.rangeSets(configuration)
        missingFamilies = node.missingFamilies
        root = configuration.dataDirectory ?? paths.leases
        bridge = request.configuration.document["bridge"]?.stringValue
    }
}
