internal import CNI
internal import Host

/// Held while what all pods of the node share is changed: the bridge, the masquerade rules, the decision that an
/// attachment is the node's last.
struct NodeLock: ~Copyable {
    private let lock: FileLock

    init(_ paths: NodePaths) throws(CNIError) {
        lock = try reporting("cannot take the node's lock") { () throws(SystemError) in
            try Files.makeDirectories(paths.run)
            return try FileLock(waitingFor: paths.nodeLock)
        }
    }
}
