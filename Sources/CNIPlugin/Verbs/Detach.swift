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
    private let firewall: SharedFirewall

    init(_ request: Request) throws(CNIError) {
        self.request = request
        configuration = PluginConfiguration(lenient: request)
        key = AttachmentKey(request)
        store = RecordStore(paths)
        host = try reporting("cannot talk to the kernel") { () throws(SystemError) in try RouteSocket() }
        firewall = SharedFirewall()
    }

    /// Everything is tried, whatever fails; the first failure is reported. The interface goes before its addresses are
    /// released, so that nobody gets an address that still answers.
    func run() throws(CNIError) {
        let record = store.record(of: key)
        let remains = Remains(host: host, firewall: firewall)
        let last = LastAttachment(key: key, store: store, paths: paths, firewall: firewall)
        var failures: [CNIError] = []
        func attempt(_ step: () throws(CNIError) -> Void) {
            if let failure = attempting(step) { failures.append(failure) }
        }
        let addresses = record?.addresses ?? (hasInterface ? previousAddresses : [])
        var isMasqueraded = record?.isMasqueraded ?? configuration.masquerade
        if record != nil {
            attempt { () throws(CNIError) in
                if try last.closeFirewallIfLast() { isMasqueraded = false }
            }
        }
        failures += remains.disconnect(
            addresses, on: record?.bridge ?? configuration.bridge, isMasqueraded: isMasqueraded)
        attempt { () throws(CNIError) in try remains.removeInterface(of: key) }
        failures += remains.forgetConnections(addresses)
        attempt { () throws(CNIError) in
            guard let type = request.configuration.ipamType else { return }
            try Delegate(type: type, request: request).delete()
        }
        // The record stays where something could not be removed: it says what, to the next DEL.
        if failures.isEmpty { try last.release() }
        if let failure = failures.first { throw failure }
    }

    private var hasInterface: Bool {
        do throws(SystemError) {
            return try host.link(named: key.hostInterface) != nil
        } catch {
            return false
        }
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
