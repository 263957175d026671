internal import Addressing
internal import CNI
internal import Host
internal import Netlink

/// DEL: takes a container's interface away, whatever is left of it: namespace, interface, record and `warrensd` may all
/// be gone. What is gone already is no error.
struct Detach {
    private let request: Request
    private let configuration: PluginConfiguration
    private let attachment: Attachment

    init(_ request: Request) {
        self.request = request
        configuration = PluginConfiguration(lenient: request)
        attachment = request.attachment
    }

    /// Everything is tried, whatever fails; the first failure is reported.
    func run() throws(CNIError) {
        let paths = NodePaths.current
        let host = try reporting("cannot talk to the kernel") { () throws(SystemError) in try RouteSocket() }
        let teardown = Teardown(
            attachment: attachment, store: RecordStore(paths), paths: paths, host: host, firewall: SharedFirewall())
        let ipam = Result { () throws(CNIError) in try preparedIPAM() }
        let failures = teardown.run(remembered) { () throws(CNIError) in try ipam.get()?.delete() }
        if let failure = failures.first { throw failure }
    }

    /// The IPAM plugin, about to take the addresses back; nil where none ever assigned any.
    private func preparedIPAM() throws(CNIError) -> PreparedDelegate? {
        // Neither ourselves nor one that makes interfaces ever did: ADD refuses them.
        guard let type = request.configuration.ipamType, !request.delegatesToItself, !Delegate.makesInterfaces(type)
        else { return nil }
        return try Delegate(type: type, request: request).prepare(.del)
    }

    /// What the runtime kept of ADD's result.
    private var remembered: Teardown.Remembered {
        let result = request.configuration.previousResult ?? AttachmentResult()
        let isOurs = { (interface: AttachmentResult.Interface) in interface.name == attachment.interfaceName }
        let addresses = result.addresses.filter { address in
            guard let index = address.interface else { return true }
            return result.interfaces.indices.contains(index) && isOurs(result.interfaces[index])
        }
        let macs = result.interfaces.filter(isOurs).compactMap { MACAddress($0.mac) }
        return Teardown.Remembered(
            addresses: addresses.map(\.address.address), bridge: configuration.bridge,
            isMasqueraded: configuration.masquerade, macs: macs + [configuration.mac].compactMap { $0 })
    }
}
