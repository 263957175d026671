internal import Addressing
internal import CNI
internal import Glibc
internal import Host
internal import Netlink
internal import Overlay

/// ADD: gives a container an interface.
///
/// Before the first kernel object exists, an incomplete record says that it may; so a process killed at any point leaves
/// nothing that a later ADD, DEL or GC could not find. Whatever fails takes back all that was done.
struct Attach {
    private let request: Request
    private let configuration: PluginConfiguration
    private let context: NodeContext
    private let key: AttachmentKey
    private let store: RecordStore
    private let host: RouteSocket
    private let firewall: SharedFirewall
    private let ipam: Delegate?

    init(_ request: Request) throws(CNIError) {
        self.request = request
        configuration = try PluginConfiguration(request)
        context = try NodeContext.load(.current, tunnelled: configuration.tunnel.enabled)
        key = AttachmentKey(request)
        store = RecordStore(context.paths)
        host = try reporting("cannot talk to the kernel") { () throws(SystemError) in try RouteSocket() }
        firewall = SharedFirewall()
        ipam = try request.configuration.ipamType.map { type throws(CNIError) in
            try Delegate(type: type, request: request)
        }
    }

    func run() throws(CNIError) -> AttachmentResult {
        let namespace = try reporting(
            "CNI_NETNS: cannot open the network namespace \(request.networkNamespace)", as: .invalidEnvironment
        ) { () throws(SystemError) in
            try NetworkNamespace(path: request.networkNamespace)
        }
        let pod = try reporting("cannot talk to the kernel about the pod") { () throws(SystemError) in
            try RouteSocket(in: namespace)
        }
        try clearFormerAttempt(pod)
        if configuration.tunnel.enabled, configuration.tunnel.autostart {
            try DaemonKeeper(paths: context.paths, request: request).ensureRunning()
        }
        var undo = Undo()
        do throws(CNIError) {
            return try attach(namespace, pod, &undo)
        } catch {
            undo.all()
            throw error
        }
    }

    /// Checks that the interface's name is free. What a killed ADD of ours left behind does not count, and is removed.
    private func clearFormerAttempt(_ pod: RouteSocket) throws(CNIError) {
        let former = store.record(of: key)
        let (present, hostEnd) = try reporting("cannot look for the interface") { () throws(SystemError) in
            (try pod.link(named: request.interfaceName), try host.link(named: key.hostInterface))
        }
        if let present {
            let isOurs = hostEnd?.peerIndex == present.index && present.peerIndex == hostEnd?.index
            guard isOurs, let former, !former.complete else {
                throw CNIError(
                    .invalidEnvironment,
                    "CNI_IFNAME: the interface \(request.interfaceName) exists already in "
                        + request.networkNamespace)
            }
        }
        guard former != nil || hostEnd != nil else { return }
        let remains = Remains(host: host, firewall: firewall)
        if let former {
            _ = remains.disconnect(
                former.addresses, on: former.bridge, isMasqueraded: former.isMasqueraded)
        }
        try remains.removeInterface(of: key)
        if let former { _ = remains.forgetConnections(former.addresses) }
        // An IPAM plugin that refuses to lease twice to one container still holds what the killed ADD got.
        attempting { () throws(CNIError) in try ipam?.delete() }
    }

    private func attach(
        _ namespace: borrowing NetworkNamespace, _ pod: RouteSocket, _ undo: inout Undo
    ) throws(CNIError) -> AttachmentResult {
        var record = AttachmentRecord(
            containerID: key.containerID, interfaceName: key.interfaceName,
            namespacePath: request.networkNamespace, namespaceIdentity: try identity(of: namespace),
            network: request.configuration.name, bridge: configuration.bridge, hostInterface: key.hostInterface,
            addresses: [], gateways: [], isMasqueraded: configuration.masquerade, complete: false)
        let mtu = PathMTU.choose(
            configured: configuration.mtu, tunnelled: configuration.tunnel.enabled, paths: context.paths,
            uplinkMTU: { Uplink.mtu(host) })
        let network = NodeNetwork(socket: host, configuration: configuration, context: context)
        let bridge = try withNodeLock { () throws(CNIError) in
            try write(record)
            return try network.prepare(mtu: mtu)
        }
        let last = LastAttachment(key: key, store: store, paths: context.paths, firewall: firewall)
        undo.add { attempting(last.release) }

        let assignment = try assign(&undo)
        if let assignment {
            record.addresses = assignment.entries.map(\.address)
            record.gateways = assignment.gateways
            try write(record)
            try Forwarding(socket: host).ensure(assignment.families)
            try network.ensureGateways(assignment.gateways, on: bridge) { () throws(CNIError) in
                try reporting("cannot read the attachment records") { () throws(SystemError) in
                    try store.all().flatMap(\.gateways)
                }
            }
        }

        let interface = PodInterface(
            key: key, configuration: configuration, bridge: bridge, mtu: mtu, host: host, pod: pod)
        let remains = Remains(host: host, firewall: firewall)
        if let assignment {
            let addresses = assignment.entries.map(\.address)
            undo.add { [configuration] in
                _ = remains.forgetConnections(addresses)
                _ = remains.disconnect(
                    addresses, on: bridge.name, isMasqueraded: configuration.masquerade)
            }
            try PodFirewall(configuration: configuration, context: context, host: host, shared: firewall)
                .admit(addresses)
        }
        undo.add { [key] in attempting { () throws(CNIError) in try remains.removeInterface(of: key) } }
        let ends = try interface.create(in: namespace)
        try settle(interface, ends, assignment, namespace)
        record.complete = true
        try write(record)
        return result(interface, assignment)
    }

    private func identity(of namespace: borrowing NetworkNamespace) throws(CNIError) -> FileIdentity {
        do throws(SystemError) {
            return try namespace.identity
        } catch {
            throw CNIError(.ioFailure, "cannot identify the network namespace", details: error.description)
        }
    }

    private func write(_ record: AttachmentRecord) throws(CNIError) {
        try reporting("cannot write the attachment record") { () throws(SystemError) in try store.write(record) }
    }

    private func withNodeLock<Result>(_ body: () throws(CNIError) -> Result) throws(CNIError) -> Result {
        let lock = try NodeLock(context.paths)
        defer { withExtendedLifetime(lock) {} }
        return try body()
    }

    private func assign(_ undo: inout Undo) throws(CNIError) -> Assignment? {
        guard let ipam, let type = request.configuration.ipamType else { return nil }
        let answer = try ipam.add()
        undo.add { attempting { () throws(CNIError) in try ipam.delete() } }
        let assignment = try Assignment(answer, by: type, subnets: context.node?.subnets)
        if assignment.families.contains(.v6), !KernelFamilies.present.contains(.v6) {
            throw CNIError(
                .invalidConfiguration, "IPAM plugin \"\(type)\" returned an IPv6 address, and this kernel has no IPv6",
                details: "boot it without ipv6.disable=1, or configure IPv4 addresses only")
        }
        return assignment
    }

    private func settle(
        _ interface: PodInterface, _ ends: (host: Int32, pod: Int32), _ assignment: Assignment?,
        _ namespace: borrowing NetworkNamespace
    ) throws(CNIError) {
        try reporting("cannot set up the interface \(key.interfaceName)") { () throws(SystemError) in
            if let assignment {
                try namespace.run { () throws(SystemError) in try interface.settlePodSysctls(assignment) }
            }
            try interface.pod.perform(interface.settlePodEnd(ends.pod, assignment))
            let addresses = assignment?.entries.map(\.address) ?? []
            try host.perform(
                interface.settleHostEnd(ends.host)
                    + PodInterface.reachability(of: addresses, at: interface.mac, on: interface.bridge.index))
            try Carrier.wait(host: host, [interface.bridge.index, ends.host], pod: interface.pod, ends.pod)
            if configuration.duplicateAddressDetection {
                try DuplicateDetection.wait(interface.pod, ends.pod)
            }
        }
    }

    /// What the runtime and the plugins behind us in the chain get to see. Their needs: the host's end without a
    /// sandbox (bandwidth), the pod's end with one and every address pointing at it (portmap).
    private func result(_ interface: PodInterface, _ assignment: Assignment?) -> AttachmentResult {
        var result = request.configuration.previousResult ?? AttachmentResult()
        let first = result.interfaces.count
        result.interfaces += [
            .init(name: key.hostInterface, mac: key.hostMAC.description, mtu: interface.mtu),
            .init(
                name: key.interfaceName, mac: interface.mac.description, mtu: interface.mtu,
                sandbox: request.networkNamespace),
        ]
        result.addresses += (assignment?.entries ?? []).map {
            .init(address: IPPrefix(host: $0.address), gateway: $0.gateway, interface: first + 1)
        }
        result.routes += assignment?.routes ?? []
        if let dns = request.configuration.dns, !dns.isEmpty {
            result.dns = dns
        } else if let dns = assignment?.dns, !dns.isEmpty {
            result.dns = dns
        }
        return result
    }
}

/// What has to be taken back where a later step fails, the last first.
struct Undo {
    private var steps: [() -> Void] = []

    mutating func add(_ step: @escaping () -> Void) { steps.append(step) }

    mutating func all() {
        for step in steps.reversed() { step() }
        steps = []
    }
}
