import Addressing
import CNI
import Overlay

/// Decides which addresses an attachment may get: the node's own, or the part of them that a configuration pins.
struct RangePlan {
    /// The node's subnets: IPv6 first.
    let subnets: [NodeSubnet]
    /// True where callers put the whole subnet on an interface, so that its last IPv4 address is lost to broadcast.
    let withholdsLast: Bool

    func rangeSets(_ configuration: IPAMConfiguration) throws(CNIError) -> [RangeSet] {
        let sets = configuration.rangeSets.isEmpty ? selfAssigned : try pinned(configuration)
        guard !sets.isEmpty else {
            throw CNIError(
                .invalidConfiguration, "this node has no subnet to lease addresses from",
                details: "enable a family in warrens.json that the kernel has, or give ipam.ranges")
        }
        try rejectOverlaps(sets)
        return sets
    }

    private var selfAssigned: [RangeSet] {
        [IPFamily.v6, .v4].compactMap { family in
            let ranges = subnets.filter { $0.family == family }.compactMap(range)
            return ranges.isEmpty ? nil : RangeSet(ranges: ranges)
        }
    }

    private func range(_ subnet: NodeSubnet) -> AddressRange? {
        PoolName(first: subnet.firstContainer, last: subnet.lastContainer).map {
            AddressRange(
                pool: $0, subnet: subnet.prefix, gateway: subnet.bridgeAddress, withheld: withheld(subnet.prefix))
        }
    }

    private func withheld(_ subnet: IPPrefix) -> [IPAddress] {
        withholdsLast && subnet.family == .v4 ? [subnet.last] : []
    }

    private func pinned(_ configuration: IPAMConfiguration) throws(CNIError) -> [RangeSet] {
        var sets: [RangeSet] = []
        for set in configuration.rangeSets {
            var ranges: [AddressRange] = []
            for range in set {
                if let subnet = subnets.first(where: { $0.prefix.contains(range.subnet) }) {
                    ranges.append(try within(subnet, range))
                } else if configuration.isTunnelled {
                    throw refusal(range)
                } else {
                    ranges.append(try elsewhere(range))
                }
            }
            sets.append(RangeSet(ranges: ranges))
        }
        return sets
    }

    private func refusal(_ range: IPAMConfiguration.Range) -> CNIError {
        let own = subnets.map(\.description).joined(separator: ", ")
        return CNIError(
            .invalidConfiguration, "\(range.path): \(range.subnet) is not in this node's own subnets (\(own))",
            details: "other nodes would not find it. Choose a range within them, list it as \"subnets\" in "
                + "/etc/warrens/warrens.json, or say \"tunnel\": {\"enabled\": false} in the network configuration")
    }

    /// A part of one of the node's subnets: what the subnet reserves stays reserved, and its bridge is the gateway.
    private func within(_ subnet: NodeSubnet, _ range: IPAMConfiguration.Range) throws(CNIError) -> AddressRange {
        let first = range.first ?? max(range.subnet.first, subnet.firstContainer)
        let last = range.last ?? min(range.subnet.last, subnet.lastContainer)
        guard first >= subnet.firstContainer else {
            throw CNIError(
                .invalidConfiguration,
                "\(range.path).rangeStart: \(first) is reserved; containers of \(subnet) begin at "
                    + "\(subnet.firstContainer)")
        }
        if let gateway = range.gateway { try check(gateway, of: range, within: subnet) }
        return AddressRange(
            pool: try pool(first, last, range), subnet: subnet.prefix, gateway: range.gateway ?? subnet.bridgeAddress,
            withheld: withheld(subnet.prefix))
    }

    /// The gateway goes on the bridge: there it must neither stand for another node's address nor for the tunnel's.
    private func check(
        _ gateway: IPAddress, of range: IPAMConfiguration.Range, within subnet: NodeSubnet
    ) throws(CNIError) {
        let problem =
            if gateway == subnet.tunnelAddress {
                "is the address of this node's tunnel device"
            } else if !subnet.prefix.contains(gateway) || gateway == subnet.prefix.first {
                "is no address of a device in \(subnet)"
            } else { "" }
        guard !problem.isEmpty else { return }
        throw CNIError(
            .invalidConfiguration, "\(range.path).gateway: \(gateway) \(problem)",
            details: "leave it out to use \(subnet.bridgeAddress)")
    }

    /// A subnet that the overlay does not carry: laid out as `host-local` does.
    private func elsewhere(_ range: IPAMConfiguration.Range) throws(CNIError) -> AddressRange {
        let subnet = range.subnet
        guard subnet.length <= subnet.family.bitWidth - 2, let usual = subnet.host(1) else {
            throw CNIError(.invalidConfiguration, "\(range.path).subnet: \(subnet) is too small")
        }
        let final = subnet.family == .v4 ? subnet.host(subnet.hostMask - 1) : subnet.last
        return AddressRange(
            pool: try pool(range.first ?? usual, range.last ?? final ?? subnet.last, range), subnet: subnet,
            gateway: range.gateway ?? usual, withheld: [subnet.first] + (subnet.family == .v4 ? [subnet.last] : []))
    }

    private func pool(
        _ first: IPAddress, _ last: IPAddress, _ range: IPAMConfiguration.Range
    ) throws(CNIError) -> PoolName {
        guard let pool = PoolName(first: first, last: last) else {
            throw CNIError(.invalidConfiguration, "\(range.path): the range from \(first) to \(last) is empty")
        }
        return pool
    }

    private func rejectOverlaps(_ sets: [RangeSet]) throws(CNIError) {
        let pools = sets.flatMap { $0.ranges.map(\.pool) }
        for (index, pool) in pools.enumerated() {
            guard let other = pools[..<index].first(where: pool.overlaps) else { continue }
            throw CNIError(.invalidConfiguration, "the ranges \(other) and \(pool) overlap")
        }
    }
}
