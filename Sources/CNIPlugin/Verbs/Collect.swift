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
        let records = try reporting("cannot read the attachment records") { () throws(SystemError) in
            try store.all()
        }
        var failures: [CNIError] = []
        for record in records where record.network == request.configuration.name && !keep.contains(record.key) {
            failures += remove(record, store, host)
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

    private func remove(_ record: AttachmentRecord, _ store: RecordStore, _ host: RouteSocket) -> [CNIError] {
        let remains = Remains(host: host)
        let interface = attempting { () throws(CNIError) in _ = try remains.removeInterface(of: record.key) }
        var failures = [interface].compactMap { $0 } + remains.forget(record.addresses, on: record.bridge)
        if failures.isEmpty {
            let release = attempting { () throws(CNIError) in
                try LastAttachment.release(record.key, of: store, paths: paths)
            }
            failures += [release].compactMap { $0 }
        }
        return failures
    }
}
