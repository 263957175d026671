import Addressing
internal import CNI
internal import Host
internal import Netlink

/// Finds the pods of this node: whom the plugin has on record, with what the kernel says of their interfaces.
struct PodVeths {
    private let records: AttachmentRecords
    private let routes: RouteSocket
    private let nftables: Nftables?
    private let isOurs: (TrafficFilter) -> Bool

    /// - Parameters:
    ///   - routes: On the host.
    ///   - nftables: The same; nil where this kernel has none.
    ///   - isOurs: True for the filters of the datapath itself, which do not count as somebody's.
    init(_ paths: NodePaths, _ routes: RouteSocket, _ nftables: Nftables?, isOurs: @escaping (TrafficFilter) -> Bool) {
        records = AttachmentRecords(paths)
        self.routes = routes
        self.nftables = nftables
        self.isOurs = isOurs
    }

    /// The pods whose ADD is done, and not undone.
    ///
    /// The plugins behind ours in the chain work on a pod when it is among them already; ``PodWatch`` tells of what they
    /// change.
    func pods() throws(SystemError) -> LocalPods {
        let attached = try records.all().filter { $0.phase == .attached && !$0.addresses.isEmpty }
        // Most of the kernel's lists are not worth having where nobody is on record.
        if attached.isEmpty { return LocalPods() }
        let links = Dictionary(try routes.links().map { ($0.name, $0) }) { first, _ in first }
        let disciplines = Dictionary(grouping: try routes.queueingDisciplines(), by: \.interfaceIndex)
        let filtered = try nftables?.devicesWithChains() ?? []
        var neighbours: [String: [IPAddress: MACAddress]] = [:]
        for bridge in Set(attached.map(\.bridge)) {
            neighbours[bridge] = try links[bridge].map { link throws(SystemError) in try hardwareAddresses(on: link) }
        }
        var pods: [LocalPod] = []
        for record in attached {
            guard let link = links[record.hostInterface], link.isVeth, let hostMAC = link.mac else { continue }
            // As the host itself would find the pod, also after its hardware address has changed.
            let mac = record.addresses.lazy.compactMap { neighbours[record.bridge]?[$0] }.first
            let isFiltered = filtered.contains(link.name)
            let isShaped = isFiltered ? true : try areShaping(disciplines[link.index] ?? [])
            pods.append(
                LocalPod(
                    hostInterface: link.name, interfaceIndex: link.index, hostMAC: hostMAC,
                    bridge: link.master, mac: mac ?? record.mac, addresses: record.addresses, isShaped: isShaped))
        }
        return LocalPods(pods)
    }

    private func hardwareAddresses(on bridge: Link) throws(SystemError) -> [IPAddress: MACAddress] {
        let known = try routes.neighbours(on: bridge.index).compactMap { neighbour in
            neighbour.mac.map { (neighbour.address, $0) }
        }
        return Dictionary(known) { first, _ in first }
    }

    /// True where a device's queueing disciplines limit what goes through it, or hold a filter of somebody else's, which
    /// may limit, redirect or refuse.
    private func areShaping(_ disciplines: [QueueingDiscipline]) throws(SystemError) -> Bool {
        for discipline in disciplines {
            if discipline.shapes { return true }
            if try !routes.filters(of: discipline).allSatisfy(isOurs) { return true }
        }
        return false
    }
}
