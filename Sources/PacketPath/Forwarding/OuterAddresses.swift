import Addressing

/// The nodes' addresses outside of the overlay, and what each is to its peer: a source of inner packets, a place where
/// datagrams go, or both. Values are the peers' numbers. Immutable; a successor shares most of it.
struct OuterAddresses: ~Copyable, Sendable {
    typealias Entry = AddressMap.Entry

    /// In an entry's tag, above the endpoint's port.
    private enum Role {
        static let innerSource: Int32 = 1 << 16
        static let endpoint: Int32 = 1 << 17
        static let endpointInUse: Int32 = 1 << 18
        static let port: Int32 = 0xffff
    }

    private let map: AddressMap

    /// No addresses.
    ///
    /// - Parameter seed: Of the hash: ``AddressMap/init(_:seed:)``.
    init(seed: UInt64) { map = AddressMap(seed: seed) }

    private init(_ map: consuming AddressMap) { self.map = map }

    /// The addresses of one peer, each with its roles.
    static func entries(_ peer: ForwardingPlan.Peer, _ number: Int32) -> [Entry] {
        var entries: [Entry] = []
        let endpoints =
            (peer.endpoint.map { [($0, Role.endpoint | Role.endpointInUse)] } ?? [])
            + peer.furtherEndpoints.map { ($0, Role.endpoint) }
        for (endpoint, role) in endpoints {
            let isSource = peer.nodeAddresses.contains(endpoint.address)
            entries.append(
                Entry(
                    key: AddressKey(endpoint.address),
                    tag: role | Int32(endpoint.port) | (isSource ? Role.innerSource : 0), value: number))
        }
        for address in peer.nodeAddresses where !endpoints.contains(where: { $0.0.address == address }) {
            entries.append(Entry(key: AddressKey(address), tag: Role.innerSource, value: number))
        }
        return entries
    }

    func successor(removing removed: [Entry], adding added: [Entry]) -> OuterAddresses {
        OuterAddresses(map.successor(removing: removed, adding: added))
    }

    /// The peer that sends inner packets from this address of its own, or -1.
    @inline(__always)
    func find(_ address: AddressKey) -> Int {
        map.find(address) { $0 & Role.innerSource != 0 }
    }

    /// A peer whose datagrams go to this address now, or -1.
    func findInUse(_ address: AddressKey) -> Int {
        map.find(address) { $0 & Role.endpointInUse != 0 }
    }

    /// A peer that has anything to do with this address, or -1.
    func findAny(_ address: AddressKey) -> Int {
        map.find(address) { _ in true }
    }

    /// True where a peer's datagrams go to this address and port, or may.
    @inline(__always)
    func isEndpoint(_ address: AddressKey, port: UInt16) -> Bool {
        map.find(address) { $0 & Role.endpoint != 0 && $0 & Role.port == Int32(port) } >= 0
    }
}
