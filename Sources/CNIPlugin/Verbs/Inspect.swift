internal import Addressing
internal import CNI
internal import Host
internal import Netlink

/// CHECK: compares a container's interface with what ADD reported in the end, and names all that is broken.
///
/// Plugins behind us in the chain may have changed things: the hardware address (reported in prevResult), the MTU (not
/// reported), the table of a route. None of that is a finding.
struct Inspect {
    /// Code of the error that lists the findings.
    static let damaged = CNIError.Code(rawValue: 100)

    private let request: Request
    private let configuration: PluginConfiguration
    private let context: NodeContext
    private let attachment: Attachment
    private let expected: AttachmentResult
    private let host: RouteSocket

    init(_ request: Request) throws(CNIError) {
        self.request = request
        configuration = try PluginConfiguration(request)
        context = try NodeContext.load(.current, tunnelled: configuration.tunnel.enabled)
        attachment = request.attachment
        guard let previous = request.configuration.previousResult else {
            throw CNIError(.invalidConfiguration, "required prevResult missing: CHECK compares with it")
        }
        expected = previous
        host = try reporting("cannot talk to the kernel") { () throws(SystemError) in try RouteSocket() }
    }

    func run() throws(CNIError) {
        var findings = Findings()
        let record = RecordStore(context.paths).record(of: attachment)
        findings.expect(record != nil, "the attachment record is missing")
        findings.expect(record?.phase ?? .attached == .attached, "its ADD or DEL was killed")
        // What other plugins of the chain added is theirs to check.
        let entries = ownEntries(record)
        let inspection = try reporting("cannot inspect the attachment") { () throws(SystemError) in
            try inspect(entries)
        }
        findings.add(inspection)
        let addresses = entries.map(\.address)
        findings.add(
            try PodFirewall(
                configuration: configuration, context: context, host: host, shared: SharedFirewall()
            ).findings(addresses))
        findings.add(daemonFindings())
        if let ipam = try delegateFinding() { findings.add([ipam]) }
        if findings.isEmpty { return }
        throw CNIError(
            Self.damaged,
            "the interface \(attachment.interfaceName) of container \(attachment.containerID) is damaged: \(findings)",
            details: "delete the container and make it again")
    }

    /// The addresses of prevResult that are on our interface and that ADD gave it.
    private func ownEntries(_ record: AttachmentRecord?) -> [Assignment.Entry] {
        expected.addresses.compactMap { given in
            let isOnOurs = given.interface.map { index in
                expected.interfaces.indices.contains(index)
                    && expected.interfaces[index].name == attachment.interfaceName
            }
            let address = given.address.address
            guard isOnOurs != false, record?.addresses.contains(address) != false, let gateway = given.gateway
            else { return nil }
            return Assignment.Entry(address: address, gateway: gateway)
        }
    }

    private func inspect(_ entries: [Assignment.Entry]) throws(SystemError) -> [String] {
        var findings = Findings()
        let bridge = try host.link(named: configuration.bridge)
        let hostEnd = try host.link(named: attachment.hostInterfaceName)
        let inspection = HostInspection(
            configuration: configuration, context: context, socket: host, bridge: bridge, hostEnd: hostEnd,
            hostInterface: attachment.hostInterfaceName)
        findings.add(try inspection.run(entries, mac: expectedInterface?.mac))
        let namespace: NetworkNamespace
        do throws(SystemError) {
            namespace = try NetworkNamespace(path: request.networkNamespace)
        } catch {
            findings.add(["the network namespace is gone: \(error)"])
            return findings.texts
        }
        let pod = PodInspection(
            name: attachment.interfaceName, socket: try RouteSocket(in: namespace), bridge: bridge, hostEnd: hostEnd,
            expectsNeighbours: !macWasChanged)
        findings.add(try pod.run(entries, routes: expected.routes, mac: expectedInterface?.mac))
        return findings.texts
    }

    /// A plugin behind us, such as tuning, gave the interface another hardware address than ADD did.
    private var macWasChanged: Bool {
        guard let mac = expectedInterface.flatMap({ MACAddress($0.mac) }) else { return false }
        return mac != configuration.podMAC(of: attachment)
    }

    /// Our interface as the last plugin of the chain left it.
    private var expectedInterface: AttachmentResult.Interface? {
        expected.interfaces.last { $0.name == attachment.interfaceName && !$0.sandbox.isEmpty }
    }

    /// A dead `warrensd` is started again rather than reported: runtimes take a finding for a lost container.
    private func daemonFindings() -> [String] {
        guard configuration.tunnel.enabled else { return [] }
        let keeper = DaemonKeeper(paths: context.paths, request: request)
        guard configuration.tunnel.autostart else {
            return keeper.isRunning ? [] : ["warrensd does not run: other nodes cannot be reached"]
        }
        return attempting { () throws(CNIError) in try keeper.ensureRunning() }.map { ["\($0)"] } ?? []
    }

    private func delegateFinding() throws(CNIError) -> String? {
        guard let type = request.configuration.ipamType else { return nil }
        let ipam = try Delegate(type: type, request: request)
        return attempting { () throws(CNIError) in try ipam.check() }.map { "\($0)" }
    }
}
