internal import Addressing
internal import CNI
internal import Host
internal import Overlay

/// What this node is and what was settled for the whole cluster.
struct NodeContext {
    let paths: NodePaths
    let settings: Settings
    /// Nil for a network without a tunnel, which needs no identity.
    let node: LocalNode?

    static func load(_ paths: NodePaths, tunnelled: Bool) throws(CNIError) -> NodeContext {
        do throws(OverlayError) {
            let settings = try Settings.load(paths)
            let node = tunnelled ? try LocalNode.load(paths: paths, settings: settings) : nil
            return NodeContext(paths: paths, settings: settings, node: node)
        } catch {
            throw CNIError(.invalidConfiguration, error.description)
        }
    }

    /// The subnets that pods of this node have addresses in, also those that nothing new is taken from.
    var subnets: [NodeSubnet] {
        guard let node else { return [] }
        return node.subnets + node.draining
    }

    /// Where pods of the whole cluster are, in the families that this kernel has.
    var overlayPrefixes: [IPPrefix] {
        settings.overlayPrefixes.filter { KernelFamilies.present.contains($0.family) }
    }
}
