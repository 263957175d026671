internal import Addressing
internal import CNI
internal import Host
internal import Netlink

/// The gateway addresses on a bridge. A file says which of them are ours, so that those of former settings can be told
/// from foreign ones.
struct GatewayAddresses {
    let socket: RouteSocket
    let bridge: Link
    /// What the bridge has to have.
    let wanted: [IPAddress]
    /// Remove foreign addresses, rather than refuse to work with them.
    let replacesForeign: Bool
    let paths: NodePaths
    let records: RecordStore

    func ensure() throws(CNIError) {
        if try difference().isEmpty { return }
        let lock = try NodeLock(paths)
        defer { withExtendedLifetime(lock) {} }
        let change = try difference()
        let missing = change.missing
        let removed = Set(change.surplus.map(\.address))
        try reporting("cannot give the bridge \(bridge.name) its addresses") { () throws(SystemError) in
            // Noted before it is done: what a killed process did is not foreign.
            let noted = change.noted + missing.filter { !change.noted.contains($0) }
            if noted != change.noted { try note(noted) }
            try socket.perform(
                missing.map { .addAddress(Self.gateway($0), to: bridge.index).toleratingExistence() }
                    + change.surplus.map { .deleteAddress($0, from: bridge.index).toleratingAbsence() })
            if noted.contains(where: removed.contains) { try note(noted.filter { !removed.contains($0) }) }
        }
    }

    private static func gateway(_ address: IPAddress) -> InterfaceAddress {
        let isV6 = address.family == .v6
        return InterfaceAddress(IPPrefix(host: address), skipsDuplicateDetection: isV6, addsNoPrefixRoute: isV6)
    }

    // MARK: What is and what should be

    private struct Difference {
        var missing: [IPAddress] = []
        var surplus: [IPPrefix] = []
        /// What the file says.
        var noted: [IPAddress] = []

        var isEmpty: Bool { missing.isEmpty && surplus.isEmpty }
    }

    private func difference() throws(CNIError) -> Difference {
        let present = try reporting("cannot list the addresses of \(bridge.name)") { () throws(SystemError) in
            try socket.addresses(on: bridge.index).filter { $0.scope == .global }.map(\.prefix)
        }
        var difference = Difference()
        difference.missing = wanted.filter { !present.contains(IPPrefix(host: $0)) }
        let strange = present.filter { !wanted.contains($0.address) }
        if difference.missing.isEmpty, strange.isEmpty { return difference }
        let noted = try reporting("cannot read which gateways are ours") { () throws(SystemError) in
            try notedAddresses()
        }
        difference.noted = noted
        if strange.isEmpty { return difference }
        // Those of pods that exist already. An ADD records its pod's before it comes here.
        let used = Set(try records.all().flatMap(\.gateways))
        for prefix in strange where !used.contains(prefix.address) {
            guard replacesForeign || prefix.isHost && noted.contains(prefix.address) else {
                throw CNIError(
                    .invalidConfiguration, "the bridge \(bridge.name) has the foreign address \(prefix)",
                    details: "remove it, choose another \"bridge\", or set \"forceAddress\": true to have it removed")
            }
            difference.surplus.append(prefix)
        }
        return difference
    }

    // MARK: The file: an address in each line

    private var file: String { Self.file(of: bridge.name, paths) }

    private static func file(of bridge: String, _ paths: NodePaths) -> String { "\(paths.run)/gateways.\(bridge)" }

    /// Makes the file, without an address yet, for a bridge that is set up.
    static func prepareNotes(on bridge: String, _ paths: NodePaths) throws(SystemError) {
        if !areNoted(on: bridge, paths) { try Files.replace(file(of: bridge, paths), with: []) }
    }

    /// True where a bridge of this name has been set up since the node started.
    static func areNoted(on bridge: String, _ paths: NodePaths) -> Bool { Files.exists(file(of: bridge, paths)) }

    private func notedAddresses() throws(SystemError) -> [IPAddress] {
        let content = try Files.readIfPresent(file) ?? []
        return String(decoding: content, as: UTF8.self).split(separator: "\n").compactMap { IPAddress(String($0)) }
    }

    private func note(_ addresses: [IPAddress]) throws(SystemError) {
        try Files.replace(file, with: addresses.map { "\($0)\n" }.joined().utf8)
    }
}
