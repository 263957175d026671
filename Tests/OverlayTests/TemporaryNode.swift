import Host

/// A node's files below a directory of its own, with a machine id, for as long as `body` runs.
func withNode<Outcome>(
    machineID: String = "0123456789abcdef0123456789abcdef", _ body: (NodePaths) throws -> Outcome
) throws -> Outcome {
    let paths = NodePaths(root: "/tmp/warrens-overlay-tests-\(UInt64.random(in: 0 ... .max))")
    defer { try? Files.removeTree(paths.root) }
    for path in [paths.machineIDs[0], paths.settings] { try Files.makeDirectories(Files.parent(of: path)) }
    try Files.replace(paths.machineIDs[0], with: Array("\(machineID)\n".utf8))
    return try body(paths)
}
