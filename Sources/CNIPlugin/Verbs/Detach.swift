internal import Addressing
internal import CNI
internal import Host
internal import Netlink

/// DEL: takes a container's interface away, whatever is left of it: namespace, interface, record and `warrensd` may all
/// be gone. What is gone already is no error.
struct Detach {
    private let request: Request
    private let configuration: PluginConfiguration
    private let paths = NodePaths.current
    private let key: AttachmentKey
    private let store: RecordStore
    private let host: RouteSocket

    init(_ request: Request) throws(CNIError) {
        self.request = request
        configuration = PluginConfiguration(lenient: request)
        key = AttachmentKey(request)
        store = RecordStore(paths)
        host = try reporting("cannot talk to the kernel") { () throws(SystemError) in try RouteSocket() }
    }

    /// Everything is tried, whatever fails; the first failure is reported. The interface goes before its addresses are
    /// released, so that nobody gets an address that still answers.
    func run() throws(CNIError) {
        let record = store.record(of: key)
        let remains = Remains(host: host)
        var failures: [CNIError] = []
        var hadInterface = false
        let interfaceFailure = attempting { () throws(CNIError) in
            hadInterface = try remains.removeInterface(of: key)
        }
        failures += [interfaceFailure].compactMap { $0 }
        let addresses = record?.addresses ?? (hadInterface ? previousAddresses : [])
        failures += remains.forget(addresses, on: record?.bridge ?? configuration.bridge)
        let leaseFailure = attempting { () throws(CNIError) in
            guard let type = request.configuration.ipamType else { return }
            try Delegate(type: type, request: request).delete()
        }
        failures += [leaseFailure].compactMap { $0 }
        // The record stays where something could not be removed: it says what, to the next DEL.
        if failures.isEmpty { try LastAttachment.release(key, of: store, paths: paths) }
        if let failure = failures.first { throw failure }
    }

    /// The pod's addresses where the record was lost. Only to be used as long as the interface exists: after that, the
    /// runtime may repeat DEL when another pod has them.
    private var previousAddresses: [IPAddress] {
        guard let result = request.configuration.previousResult else { return [] }
        return result.addresses.filter { address in
            guard let index = address.interface else { return true }
            return result.interfaces.indices.contains(index) && result.interfaces[index].name == key.interfaceName
        }.map(\.address.address)
    }
}
