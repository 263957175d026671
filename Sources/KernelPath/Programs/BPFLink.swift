internal import BPFShim
internal import Glibc
internal import Host

/// The kernel's object for a program that hangs on a device (bpf_link). Where the last descriptor and the last pin of
/// it go, the program is detached.
final class BPFLink: Sendable {
    private let handle: OwnedDescriptor
    /// Where it hangs, for messages to people.
    private let place: String
    private let pin: String?

    /// Attaches `program` to a device in the calling thread's network namespace.
    ///
    /// - Parameter pin: Where it is to be pinned; nil has it go with this value.
    init(
        _ program: BPFProgram, device: Int32, hook: Int, flags: Int, place: String, pin: String?
    ) throws(SystemError) {
        let raw = try retrying("attach eBPF program", "\(program.identity.name) to \(place)") {
            warrens_bpf_link_create(program.raw, UInt32(clamping: device), UInt32(hook), UInt32(flags))
        }
        handle = OwnedDescriptor(owning: raw)
        self.place = place
        self.pin = pin
        if let pin { try Pin.create(handle.raw, at: pin) }
    }

    /// Opens the one that is pinned at `path`, where `hooks` has what it hangs on.
    ///
    /// - Throws: EINVAL where it is none of them, ENODEV where its device is gone.
    init(pinnedAt path: String, hooks: [Int]) throws(SystemError) {
        handle = try Pin.open(path)
        place = path
        pin = path
        let information = try information
        guard hooks.contains(Int(information.hook)) else {
            throw SystemError("open pin", path, code: EINVAL, detail: "it is no link of this kind")
        }
        if information.device == 0 { throw SystemError("open pin", path, code: ENODEV) }
    }

    var information: warrens_bpf_link {
        get throws(SystemError) {
            var information = warrens_bpf_link()
            if unsafe warrens_bpf_link_information(handle.raw, &information) < 0 {
                throw .last("inspect eBPF link", place)
            }
            return information
        }
    }

    /// Nil where the device is gone, or the program was detached.
    func programID() throws(SystemError) -> UInt32? {
        let information = try information
        return information.device == 0 ? nil : information.program_id
    }

    func replace(by program: BPFProgram) throws(SystemError) {
        try retrying("replace eBPF program", place) { warrens_bpf_link_update(handle.raw, program.raw) }
    }

    /// Detaches the program, whoever else holds the link, and removes the pin.
    func detach() throws(SystemError) {
        // ENOLINK: it was detached before, by somebody or with its device.
        if warrens_bpf_link_detach(handle.raw) < 0, errno != ENOLINK { throw .last("detach eBPF program", place) }
        if let pin { try Files.remove(pin) }
    }
}
