internal import Host
internal import Overlay

/// What this node is: what others are to hear of it.
struct LocalFacts: Sendable, Equatable {
    let settings: Settings
    /// Under the name that it has in the cluster.
    let node: LocalNode
    /// What `warrensd` says that this node can do; nil while it has never said anything.
    let features: Set<String>?

    /// - Parameter name: This node's name where the command line gives it.
    static func read(_ paths: NodePaths, name: String?, features: Set<String>?) throws(OverlayError) -> LocalFacts {
        var settings = try Settings.load(paths)
        if let name { settings.nodeName = name }
        let node = try LocalNode.load(paths: paths, settings: settings)
        return LocalFacts(settings: settings, node: node, features: features)
    }
}
