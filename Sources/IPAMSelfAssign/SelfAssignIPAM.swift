import Addressing
import CNI
import Glibc
import Host
import Overlay

/// Leases addresses out of the subnets that this node has assigned to itself.
struct SelfAssignIPAM: Plugin {
    static let name = "warrens-ipam"

    private let paths = NodePaths.current

    func add(_ request: Request) throws(CNIError) -> AttachmentResult {
        // MAC is for the plugin that calls us and has the same environment.
        try request.rejectUnknownArguments(known: ["IP", "MAC"])
        let setup = try Setup(request, paths)
        if !setup.missingFamilies.isEmpty {
            StandardStreams.writeError("\(Self.name): this kernel has no \(setup.missingFamilies), so pods get none\n")
        }
        let wanted = try RequestedAddresses.assign(try RequestedAddresses.read(request), to: setup.rangeSets)
        let dns = try setup.configuration.resolvConf.map(ResolvConf.read) ?? DNS()
        let lease = try patiently { () throws(CNIError) in try self.lease(wanted, request, setup) }
        return AttachmentResult(
            addresses: lease.addresses.map { .init(address: $0.address, gateway: $0.gateway) },
            routes: setup.configuration.routes, dns: dns)
    }

    func delete(_ request: Request) throws(CNIError) {
        try reporting("cannot release the addresses of \(request.containerID)") { () throws(SystemError) in
            let network = request.configuration.name
            guard let store = try LeaseStore(existing: root(request)) else { return }
            if let lease = try store.lease(of: request.attachment, network: network) {
                try store.release(lease)
            }
        }
    }

    func check(_ request: Request) throws(CNIError) {
        let held = try reporting("cannot look up leases") { () throws(SystemError) -> (lease: Lease, isIntact: Bool)? in
            guard let store = try LeaseStore(existing: root(request)),
                let lease = try store.lease(of: request.attachment, network: request.configuration.name)
            else { return nil }
            return (lease, store.isIntact(lease))
        }
        let who = "\(request.interfaceName) of container \(request.containerID)"
        guard let held else { throw CNIError(.internalError, "no address is leased to \(who)") }
        guard held.isIntact else {
            throw CNIError(.internalError, "the lease of \(who) is not the one that its addresses are marked with")
        }
        guard let previous = request.configuration.previousResult else { return }
        for address in held.lease.addresses.map(\.address.address)
        where !previous.addresses.contains(where: { $0.address.address == address }) {
            throw CNIError(
                .internalError, "\(address) is leased to \(who) but is not in prevResult",
                details: "prevResult has \(previous.addresses.map(\.address.description).joined(separator: ", "))")
        }
    }

    func garbageCollect(_ request: Request) throws(CNIError) {
        guard let valid = request.configuration.validAttachments else {
            throw CNIError(
                .invalidConfiguration, "cni.dev/valid-attachments is missing",
                details: "an empty list says that no attachment is left; without a list nothing is removed")
        }
        let keep = Set(valid)
        try reporting("cannot collect leases") { () throws(SystemError) in
            guard let store = try LeaseStore(existing: root(request)) else { return }
            var firstError: SystemError?
            for lease in try store.leases(network: request.configuration.name)
            where !keep.contains(lease.attachment) {
                do throws(SystemError) {
                    try store.release(lease)
                } catch {
                    firstError = firstError ?? error
                }
            }
            if let firstError { throw firstError }
        }
    }

    func status(_ request: Request) throws(CNIError) {
        let setup: Setup
        do throws(CNIError) {
            setup = try Setup(request, paths)
            try setup.checkClashes()
        } catch {
            throw CNIError(.pluginNotAvailable, error.message, details: error.details)
        }
        try Exhaustion.check(setup)
    }

    // MARK: Leases

    /// Tries once more where all addresses are leased: the kernel may still be taking down a container that was killed just
    /// now, or it was too soon to look for such ones again. Others have the lock meanwhile.
    private func patiently(_ lease: () throws(CNIError) -> Lease) throws(CNIError) -> Lease {
        do throws(CNIError) {
            return try lease()
        } catch {
            guard error.code == .tryAgainLater else { throw error }
        }
        sleep(LeaseStore.searchPause)
        return try lease()
    }

    /// Finds the attachment's lease, of an ADD that was cut short, or makes one.
    private func lease(
        _ wanted: AddressRequest, _ request: Request, _ setup: Setup
    ) throws(CNIError) -> Lease {
        let purpose = "cannot lease addresses"
        let bootID = try reporting(purpose) { () throws(SystemError) in try Boot.id }
        let make = { (addresses: [Lease.Address]) in
            Lease(
                network: request.configuration.name, attachment: request.attachment,
                plugin: request.configuration.type, namespacePath: request.networkNamespace,
                namespaceIdentity: Files.identity(of: request.networkNamespace), bootID: bootID, addresses: addresses)
        }
        let store = try reporting(purpose) { () throws(SystemError) in try LeaseStore(root: setup.root) }
        let held = try reporting(purpose) { () throws(SystemError) in
            try store.lease(of: request.attachment, network: request.configuration.name)
        }
        if let held {
            if wanted.isMet(by: held.addresses) {
                let renewed = make(held.addresses)
                if renewed != held {
                    try reporting(purpose) { () throws(SystemError) in try store.replace(renewed) }
                }
                return renewed
            }
            try reporting(purpose) { () throws(SystemError) in try store.release(held) }
        }
        try setup.checkClashes()
        return try setup.allocate(wanted, in: store, as: make)
    }

    private func root(_ request: Request) -> String {
        IPAMConfiguration.dataDirectory(request.configuration) ?? paths.leases
    }
}
