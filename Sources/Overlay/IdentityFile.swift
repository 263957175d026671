import Host
import JSON

/// The file that holds a node's identity. It is replaced as a whole, durably, by one process at a time.
struct IdentityFile {
    private let path: String
    private let directory: String

    init(_ paths: NodePaths) {
        path = paths.identity
        directory = paths.state
    }

    /// What the file holds, or nil where it does not exist or was made on another machine.
    func read(for machineID: MachineID) throws(OverlayError) -> NodeIdentity? {
        let content: [UInt8]?
        do throws(SystemError) {
            content = try Files.readIfPresent(path)
        } catch {
            throw OverlayError(error, source: path, remedy: "make the file readable to root")
        }
        guard let content else { return nil }
        guard let json = try? JSONValue(parsing: content), let identity = NodeIdentity(json: json) else {
            throw OverlayError(
                source: path, problem: "holds no identity that this version can read",
                remedy: "restore it, or remove it while no container runs to start from the machine id again")
        }
        return identity.machineID == machineID ? identity : nil
    }

    /// Reads the identity, or makes the machine's first one and tries to keep it.
    ///
    /// The first identity follows from the machine id alone, so nothing is lost where the disk cannot be written.
    func readOrCreate(for machineID: MachineID) throws(OverlayError) -> NodeIdentity {
        if let identity = try read(for: machineID) { return identity }
        let first = NodeIdentity(machineID: machineID)
        guard let lock = try? takeLock() else { return first }
        defer { withExtendedLifetime(lock) {} }
        if let identity = try read(for: machineID) { return identity }
        try? write(first)
        return first
    }

    /// Replaces the identity by what `change` makes of the present one, unless it returns nil.
    ///
    /// - Returns: The identity that holds now.
    func update(
        for machineID: MachineID, _ change: (NodeIdentity) throws(OverlayError) -> NodeIdentity?
    ) throws(OverlayError) -> NodeIdentity {
        let lock = try takeLock()
        defer { withExtendedLifetime(lock) {} }
        let present = try read(for: machineID) ?? NodeIdentity(machineID: machineID)
        guard let changed = try change(present), changed != present else { return present }
        try write(changed)
        return changed
    }

    private func takeLock() throws(OverlayError) -> FileLock {
        do throws(SystemError) {
            try Files.makeDirectories(directory)
            return try FileLock(waitingFor: "\(directory)/identity.lock")
        } catch {
            throw unwritable(error)
        }
    }

    private func write(_ identity: NodeIdentity) throws(OverlayError) {
        let text = identity.json.serialized(pretty: true) + "\n"
        do throws(SystemError) {
            try Files.replace(path, with: Array(text.utf8), durable: true)
        } catch {
            throw unwritable(error)
        }
    }

    private func unwritable(_ error: SystemError) -> OverlayError {
        OverlayError(error, source: path, remedy: "make \(directory) writable to root, with room on its disk")
    }
}
