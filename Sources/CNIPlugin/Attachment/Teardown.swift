internal import Addressing
internal import CNI
internal import Host
internal import Netlink

/// The end of an attachment, in the order that harms nobody: what the kernel has of its addresses, its interface, its
/// lease, its record. DEL, GC and an ADD that failed or was killed all end this way.
struct Teardown {
    let attachment: Attachment
    let store: RecordStore
    let paths: NodePaths
    let host: RouteSocket
    let firewall: SharedFirewall

    /// What is known of an attachment whose record was lost.
    struct Remembered {
        var addresses: [IPAddress] = []
        var bridge = ""
        var isMasqueraded = false
        /// Hardware addresses that the pod may have had.
        var macs: [MACAddress] = []
    }

    /// Tries everything, whatever fails. The record stays where something could not be removed: it says what, to the
    /// next DEL.
    ///
    /// - Parameters:
    ///   - remembered: Stands in for a record, as long as the interface exists; after that, the addresses may be
    ///     another pod's.
    ///   - releaseLease: Hands the addresses back to whoever assigned them.
    /// - Returns: What failed.
    func run(_ remembered: Remembered = Remembered(), releaseLease: () throws(CNIError) -> Void) -> [CNIError] {
        var failures: [CNIError] = []
        func attempt(_ step: () throws(CNIError) -> Void) {
            if let failure = attempting(step) { failures.append(failure) }
        }
        var record = store.record(of: attachment)
        var isMasqueraded = record?.isMasqueraded ?? remembered.isMasqueraded
        if record != nil {
            attempt { () throws(CNIError) in
                if try begin(&record) { isMasqueraded = false }
            }
        }
        var addresses: [IPAddress] = []
        attempt { () throws(CNIError) in
            let remains = Remains(host: host, firewall: firewall)
            let bridge = record?.bridge ?? remembered.bridge
            if try hasInterface() {
                addresses = record?.addresses ?? remembered.addresses
                failures += remains.disconnect(addresses, on: bridge, isMasqueraded: isMasqueraded)
                try remains.removeInterface(of: attachment)
            } else if let known = record?.addresses, !known.isEmpty {
                // An ADD records its addresses under this lock before it uses them.
                let lock = try NodeLock(paths)
                defer { withExtendedLifetime(lock) {} }
                addresses = try unclaimed(known, on: bridge, macs: [attachment.podMAC] + remembered.macs)
                failures += remains.disconnect(addresses, on: bridge, isMasqueraded: isMasqueraded)
            }
            failures += remains.forgetConnections(addresses)
        }
        // From here on the addresses may be another pod's, so a DEL that is repeated must not know them any more.
        if failures.isEmpty { attempt { () throws(CNIError) in try forgetAddresses(&record) } }
        attempt(releaseLease)
        if failures.isEmpty { attempt { () throws(CNIError) in try end(record) } }
        return failures
    }

    /// Says in the record that nothing may be made for the attachment any more. Where it is the node's last, the shared
    /// rules go at once, and all elements with them.
    ///
    /// The node lock makes "it is the last one" true until the rules are gone, and keeps off whoever makes the rules
    /// again for all attachments on record: an ADD does either under it, too.
    ///
    /// - Returns: True where the rules went.
    private func begin(_ record: inout AttachmentRecord?) throws(CNIError) -> Bool {
        let lock = try NodeLock(paths)
        defer { withExtendedLifetime(lock) {} }
        if var present = record, present.phase != .detaching {
            present.phase = .detaching
            try store.write(present)
            record = present
        }
        let isLast = try store.isEmpty(besides: attachment)
        if isLast { try firewall.tearDown() }
        return isLast
    }

    private func forgetAddresses(_ record: inout AttachmentRecord?) throws(CNIError) {
        guard var present = record, !present.addresses.isEmpty else { return }
        present.addresses = []
        present.gateways = []
        try store.write(present)
        record = present
    }

    /// Removes the record. Where two attachments end at once, each sees the other's record until here.
    private func end(_ record: AttachmentRecord?) throws(CNIError) {
        if record == nil { return try store.remove(attachment) }
        let lock = try NodeLock(paths)
        defer { withExtendedLifetime(lock) {} }
        try store.remove(attachment)
        if try store.isEmpty() { try firewall.tearDown() }
    }

    private func hasInterface() throws(CNIError) -> Bool {
        let name = attachment.hostInterfaceName
        return try reporting("cannot look for the interface \(name)") { () throws(SystemError) in
            try host.link(named: name) != nil
        }
    }

    /// The addresses that nobody else has by now. Where a container's namespace vanished, its interface went with it,
    /// and its addresses may have been given to another before this DEL.
    private func unclaimed(
        _ addresses: [IPAddress], on bridge: String, macs: [MACAddress]
    ) throws(CNIError) -> [IPAddress] {
        let claimed = Set(try store.all().filter { $0.attachment != attachment }.flatMap(\.addresses))
        let neighbours = try reporting("cannot list the neighbours on \(bridge)") { () throws(SystemError) in
            try host.link(named: bridge).map { link throws(SystemError) in try host.neighbours(on: link.index) } ?? []
        }
        let foreign = neighbours.filter { neighbour in neighbour.mac.map { !macs.contains($0) } ?? false }
        return addresses.filter { address in
            !claimed.contains(address) && !foreign.contains { $0.address == address }
        }
    }
}
