import Addressing

/// Addresses of one subnet that may be leased.
struct AddressRange: Hashable {
    let pool: PoolName
    /// Gives results their prefix length.
    let subnet: IPPrefix
    let gateway: IPAddress?
    /// Addresses in the range that are nobody's to have: the gateway, and the last one where callers give the
    /// interface the whole subnet and so make it a broadcast address.
    let withheld: [IPAddress]

    init(pool: PoolName, subnet: IPPrefix, gateway: IPAddress?, withheld: [IPAddress] = []) {
        self.pool = pool
        self.subnet = subnet
        self.gateway = gateway
        self.withheld = (withheld + [gateway].compactMap(\.self)).filter(pool.contains)
    }

    /// True where the address may be asked for.
    func offers(_ address: IPAddress) -> Bool {
        pool.contains(address) && !withheld.contains(address)
    }

    func lease(_ address: IPAddress) -> Lease.Address {
        let prefix = IPPrefix(address, length: subnet.length) ?? IPPrefix(host: address)
        return Lease.Address(address: prefix, gateway: gateway, pool: pool)
    }
}

/// Ranges out of which an attachment gets one address. The first that has a free one gives it.
struct RangeSet: Hashable {
    let ranges: [AddressRange]

    var family: IPFamily { ranges.first?.subnet.family ?? .v6 }

    func range(of address: IPAddress) -> AddressRange? {
        ranges.first { $0.offers(address) }
    }

    /// For messages.
    var description: String { ranges.map(\.pool.description).joined(separator: ", ") }
}
