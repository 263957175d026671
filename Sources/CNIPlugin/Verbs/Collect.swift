internal import CNI
internal import Host
internal import Netlink

/// GC: removes the attachments of this network that the runtime does not know any more.
struct Collect {
    private let request: Request
    private let paths = NodePaths.current

    init(_ request: Request) {
        self.request = request
    }

    /// Goes on where something fails, and reports all that did at the end.
    func run() throws(CNIError) {
        guard let valid = request.configuration.validAttachments else {
            throw CNIError(
                .invalidConfiguration, "field \"cni.dev/valid-attachments\" is missing: nothing was removed",
                details: "without the list, every attachment would look stale; an empty list says that all are")
        }
        let keep = Set(valid.map(AttachmentKey.init))
        let store = RecordStore(paths)
        let host = try reporting("cannot talk to the kernel") { () throws(SystemError) in try RouteSocket() }
        let firewall = SharedFirewall()
        let records = try reporting("cannot read the attachment records") { () throws(SystemError) in
            try store.all()
        }
        var failures: [CNIError] = []
        for record in records where record.network == request.configuration.name && !keep.contains(record.key) {
            failures += remove(record, store, host, firewall)
        }
        let delegated = attempting { () throws(CNIError) in
            guard let type = request.configuration.ipamType else { return }
            try Delegate(type: type, request: request).garbageCollect()
        }
        failures += [delegated].compactMap { $0 }
        guard let first = failures.first else { return }
        throw CNIError(
            first.code, failures.map(\.message).joined(separator: "; "),
            details: failures.map(\.details).filter { !$0.isEmpty }.joined(separator: "; "))
    }

    private func remove(
        _ record: AttachmentRecord, _ store: RecordStore, _ host: RouteSocket, _ firewall: SharedFirewall
    ) -> [CNIError] {
        let remains = Remains(host: host, firewall: firewall)
        let last = LastAttachment(key: record.key, store: store, paths: paths, firewall: firewall)
        var failures = remains.disconnect(
            record.addresses, on: record.bridge, isMasqueraded: record.isMasqueraded)
        failures += [attempting { () throws(CNIError) in try remains.removeInterface(of: record.key) }].compactMap {
            $0
        }
        failures += remains.forgetConnections(record.addresses)
        if failures.isEmpty { failures += [attempting(last.release)].compactMap { $0 } }
        return failures
    }
}
