internal import CNI
internal import Host

/// The end of an attachment's record, and with the node's last attachment the end of the rules that serve all of them.
///
/// The node lock makes "it is the last one" true until the rules are gone: an ADD writes its record under it, too, and
/// makes the rules after that.
struct LastAttachment {
    let key: AttachmentKey
    let store: RecordStore
    let paths: NodePaths
    let firewall: SharedFirewall

    /// Removes the shared rules early where no other attachment is on record.
    ///
    /// - Returns: True where it did.
    func closeFirewallIfLast() throws(CNIError) -> Bool {
        let lock = try NodeLock(paths)
        defer { withExtendedLifetime(lock) {} }
        let isLast = try isLast()
        if isLast { try firewall.tearDown() }
        return isLast
    }

    /// Removes the record. Where two attachments end at once, each sees the other's record until here.
    func release() throws(CNIError) {
        let lock = try NodeLock(paths)
        defer { withExtendedLifetime(lock) {} }
        try reporting("cannot remove the attachment record") { () throws(SystemError) in try store.remove(key) }
        if try isLast() { try firewall.tearDown() }
    }

    private func isLast() throws(CNIError) -> Bool {
        try reporting("cannot read the attachment records") { () throws(SystemError) in
            try store.isEmpty(besides: key)
        }
    }
}
