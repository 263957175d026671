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
    private var context: NodeContext
    private let attachment: Attachment
    private let store: RecordStore
    private let host: RouteSocket
    private let firewall: SharedFirewall
    private let ipam: Delegate?
    /// The IPAM plugin, about to assign addresses.
    private let assigner: PreparedDelegate?

    init(_ request: Request) throws(CNIError) {
        self.request = request
        configuration = try PluginConfiguration(request)
        context = try NodeContext.load(.current, tunnelled: configuration.tunnel.enabled)
        attachment = request.attachment
        store = RecordStore(context.paths)
        host = try reporting("cannot talk to the kernel") { () throws(SystemError) in try RouteSocket() }
        firewall = SharedFirewall()
        ipam = try request.configuration.ipamType.map { type throws(CNIError) in
            try Delegate(type: type, request: request)
        }
        assigner = ipam?.prepare(.add)
    }

    mutating func run() throws(CNIError) -> AttachmentResult {
        let namespace = try reporting(
            "CNI_NETNS: cannot open the network namespace \(request.networkNamespace)", as: .invalidEnvironment
        ) { () throws(SystemError) in
            try NetworkNamespace(path: request.networkNamespace)
        }
        let pod = try reporting("cannot talk to the kernel about the pod") { () throws(SystemError) in
            try RouteSocket(in: namespace)
        }
        try clearFormerAttempt(pod)
        if startsDaemon, !keeper.isRunning {
            try keeper.ensureRunning()
            // One that starts may find that another node has our subnets, and give the node others.
            context = try NodeContext.load(context.paths, tunnelled: true)
        }
        var isLeased = false
        do throws(CNIError) {
            return try attach(namespace, pod, &isLeased)
        } catch {
            _ = teardown.run { () throws(CNIError) in if isLeased { try ipam?.delete() } }
            throw error
        }
    }

    private var startsDaemon: Bool { configuration.tunnel.enabled && configuration.tunnel.autostart }
    private var keeper: DaemonKeeper { DaemonKeeper(paths: context.paths, request: request) }

    private var teardown: Teardown {
        Teardown(attachment: attachment, store: store, paths: context.paths, host: host, firewall: firewall)
    }

    /// Checks that the interface's name is free. What a killed ADD of ours left behind does not count, and is removed.
    private func clearFormerAttempt(_ pod: RouteSocket) throws(CNIError) {
        let former = store.record(of: attachment)
        let (present, hostEnd) = try reporting("cannot look for the interface") { () throws(SystemError) in
            (try pod.link(named: request.interfaceName), try host.link(named: attachment.hostInterfaceName))
        }
        if let present {
            let isOurs = hostEnd?.peerIndex == present.index && present.peerIndex == hostEnd?.index
            guard isOurs, let former, former.phase != .attached else {
                throw CNIError(
                    .invalidEnvironment,
                    "CNI_IFNAME: the interface \(request.interfaceName) exists already in "
                        + request.networkNamespace)
            }
        }
        guard former != nil || hostEnd != nil else { return }
        // What cannot be removed is named where it is in the way. An IPAM plugin that refuses to lease twice to one
        // container still holds what the killed ADD got.
        _ = teardown.run { () throws(CNIError) in try ipam?.delete() }
    }

    private func attach(
        _ namespace: borrowing NetworkNamespace, _ pod: RouteSocket, _ isLeased: inout Bool
    ) throws(CNIError) -> AttachmentResult {
        var record = AttachmentRecord(
            attachment, namespacePath: request.networkNamespace, namespaceIdentity: try identity(of: namespace),
            network: request.configuration.name, bridge: configuration.bridge,
            hostInterface: attachment.hostInterfaceName, mac: configuration.podMAC(of: attachment), addresses: [],
            gateways: [], isMasqueraded: configuration.masquerade, phase: .attaching, podName: request.podName)
        let mtu = PathMTU.choose(
            configured: configuration.mtu, tunnelled: configuration.tunnel.enabled, paths: context.paths,
            uplinkMTU: { Uplink.mtu(host) })
        let network = NodeNetwork(socket: host, configuration: configuration, context: context)
        let bridge = try withNodeLock { () throws(CNIError) in
            try store.write(record)
            return try network.prepare(mtu: mtu)
        }
        // The pair is made while the addresses are chosen. If either fails, all is taken back.
        assigner?.begin()
        let interface = PodInterface(
            attachment: attachment, configuration: configuration, bridge: bridge, mtu: mtu, host: host, pod: pod)
        let creation = Result { () throws(CNIError) in try interface.create(in: namespace) }
        let assignment = try assign(&isLeased)
        let ends = try creation.get()
        if let assignment {
            let addresses = assignment.entries.map(\.address)
            record.addresses = addresses
            record.gateways = assignment.gateways
            // Whoever is just removing what a vanished pod left at these addresses is done before, or leaves them be.
            try withNodeLock { () throws(CNIError) in try store.write(record) }
            try reporting("cannot turn on forwarding") { () throws(SystemError) in
                try HostForwarding.enable(assignment.families, host)
            }
            try network.ensureGateways(assignment.gateways, on: bridge, records: store)
            try PodFirewall(configuration: configuration, context: context, host: host, shared: firewall)
                .admit(addresses)
        }
        try settle(interface, ends, assignment, namespace)
        // The one that answered may have been on its way out.
        if startsDaemon { try keeper.ensureRunning() }
        record.phase = .attached
        try store.write(record)
        return result(interface, assignment)
    }

    private func identity(of namespace: borrowing NetworkNamespace) throws(CNIError) -> FileIdentity {
        do throws(SystemError) {
            return try namespace.identity
        } catch {
            throw CNIError(.ioFailure, "cannot identify the network namespace", details: error.description)
        }
    }

    private func withNodeLock<Result>(_ body: () throws(CNIError) -> Result) throws(CNIError) -> Result {
        let lock = try NodeLock(context.paths)
        defer { withExtendedLifetime(lock) {} }
        return try body()
    }

    private func assign(_ isLeased: inout Bool) throws(CNIError) -> Assignment? {
        guard let assigner, let type = request.configuration.ipamType else { return nil }
        let answer = try assigner.add()
        isLeased = true
        let assignment = try assignment(from: answer, by: type)
        if assignment.families.contains(.v6), !KernelFamilies.present.contains(.v6) {
            throw CNIError(
                .invalidConfiguration, "IPAM plugin \"\(type)\" returned an IPv6 address, and this kernel has no IPv6",
                details: "boot it without ipv6.disable=1, or configure IPv4 addresses only")
        }
        return assignment
    }

    /// Checks the addresses against the node's subnets, which `warrensd` may have changed since they were read.
    private func assignment(from answer: AttachmentResult, by type: String) throws(CNIError) -> Assignment {
        do throws(CNIError) {
            return try Assignment(answer, by: type, subnets: context.node?.subnets)
        } catch {
            let now = try NodeContext.load(context.paths, tunnelled: configuration.tunnel.enabled)
            guard now.node?.subnets != context.node?.subnets else { throw error }
            throw CNIError(
                .tryAgainLater, "this node has just taken other subnets: another node had a better claim to its own",
                details: error.message)
        }
    }

    private func settle(
        _ interface: PodInterface, _ ends: (host: Int32, pod: Int32), _ assignment: Assignment?,
        _ namespace: borrowing NetworkNamespace
    ) throws(CNIError) {
        try reporting("cannot set up the interface \(attachment.interfaceName)") { () throws(SystemError) in
            if let assignment {
                try namespace.run { () throws(SystemError) in try interface.settlePodSysctls(assignment) }
            }
            try interface.pod.perform(interface.settlePodEnd(ends.pod, assignment))
            let addresses = assignment?.entries.map(\.address) ?? []
            try host.perform(
                interface.settleHostEnd(ends.host)
                    + interface.reachability(of: addresses))
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
            .init(name: attachment.hostInterfaceName, mac: attachment.hostMAC.description, mtu: interface.mtu),
            .init(
                name: attachment.interfaceName, mac: interface.mac.description, mtu: interface.mtu,
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
