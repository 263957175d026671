import Addressing
import Host
import Overlay

/// A node of the machine id 0123456789abcdef0123456789abcdef, called `a` where the settings do not name it.
func localNode(_ settings: Settings = .default) throws -> LocalNode {
    let paths = NodePaths(root: "/tmp/warrens-cluster-tests-\(UInt64.random(in: 0 ... .max))")
    defer { try? Files.removeTree(paths.root) }
    try Files.makeDirectories(Files.parent(of: paths.machineIDs[0]))
    try Files.replace(paths.machineIDs[0], with: Array("0123456789abcdef0123456789abcdef\n".utf8))
    var named = settings
    named.nodeName = settings.nodeName ?? "a"
    return try LocalNode.load(paths: paths, settings: named, kernelFamilies: [.v6, .v4])
}
