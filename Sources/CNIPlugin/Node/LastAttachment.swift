internal import CNI
internal import Host

/// Ends an attachment's record, and with the node's last attachment the rules that serve all of them.
enum LastAttachment {
    /// The lock makes "it was the last one" true until the rules are gone: an ADD writes its record under it, too.
    static func release(_ key: AttachmentKey, of store: RecordStore, paths: NodePaths) throws(CNIError) {
        let lock = try NodeLock(paths)
        defer { withExtendedLifetime(lock) {} }
        let isLast = try reporting("cannot remove the attachment record") { () throws(SystemError) in
            try store.remove(key)
            return try store.isEmpty(besides: key)
        }
        if isLast { try PodFirewall.tearDown() }
    }
}
