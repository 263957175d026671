internal import Host
internal import Netlink
internal import Service

/// Tells when to look for this node's pods anew: a record was written or removed, a link has changed, or the traffic
/// control of one. Most of what it tells of changes no pod, and one pod's coming makes it speak many times: wait a little
/// before looking. Of packet filters ``NodeKernel`` tells.
final class PodWatch {
    private let path: String
    private let directory: DirectoryWatch
    private let kernel: ChangeListener

    /// Readable when something has changed, each of them.
    var descriptors: [Int32] { [directory.descriptor] + kernel.descriptors }

    init(_ paths: NodePaths) throws(SystemError) {
        path = paths.attachments
        directory = try DirectoryWatch(path)
        kernel = try ChangeListener([.links, .trafficControl])
        directory.watch([path])
    }

    /// Takes the waiting news off the descriptors. To be called before looking, so that nothing is missed in between.
    func drain() {
        directory.drain()
        directory.watch([path])
        kernel.drain()
    }
}
