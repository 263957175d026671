internal import CNI
internal import Host
internal import Netlink

/// GC: removes the attachments of this network that the runtime does not know any more, and what is left of those that
/// nothing on this node knows.
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
        try request.refuseDelegatingToItself()
        let store = RecordStore(paths)
        let host = try reporting("cannot talk to the kernel") { () throws(SystemError) in try RouteSocket() }
        let firewall = SharedFirewall()
        var failures: [CNIError] = []
        func attempt(_ step: () throws(CNIError) -> Void) {
            if let failure = attempting(step) { failures.append(failure) }
        }
        attempt { () throws(CNIError) in try store.removeUnreadable() }
        for record in try store.all()
        where record.network == request.configuration.name && !valid.contains(record.attachment) {
            let teardown = Teardown(
                attachment: record.attachment, store: store, paths: paths, host: host, firewall: firewall)
            // The IPAM plugin gets a GC of its own.
            failures += teardown.run {}
        }
        let bridge = PluginConfiguration(lenient: request).bridge
        attempt { () throws(CNIError) in
            try Orphans(
                bridge: bridge, network: request.configuration.name, store: store, paths: paths, host: host,
                firewall: firewall
            ).remove(keeping: valid)
        }
        attempt { () throws(CNIError) in
            guard let type = request.configuration.ipamType else { return }
            try Delegate(type: type, request: request).garbageCollect()
        }
        guard let first = failures.first else { return }
        throw CNIError(
            first.code, failures.map(\.message).joined(separator: "; "),
            details: failures.map(\.details).filter { !$0.isEmpty }.joined(separator: "; "))
    }
}
