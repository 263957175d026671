internal import BPFShim
internal import Glibc
internal import Host

/// The kernel's object for a program that hangs at a device (bpf_link). Where the last descriptor and the last pin of
/// it go, the program is detached.
final class BPFLink: Sendable {
    private let handle: OwnedDescriptor
    /// Where it hangs, for messages to people.
    private let place: String

    /// Attaches `program` to a device in the calling thread's network namespace.
    init(_ program: BPFProgram, device: UInt32, hook: Int, flags: Int, place: String) throws(SystemError) {
        let raw = try retrying("attach eBPF program", "\(program.identity.name) to \(place)") {
            warrens_bpf_link_create(program.raw, device, UInt32(hook), UInt32(flags))
        }
        handle = OwnedDescriptor(owning: raw)
        self.place = place
    }

    /// Opens the one that is pinned at `path`.
    init(pinnedAt path: String) throws(SystemError) {
        handle = try Pin.open(path)
        place = path
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

    func detach() throws(SystemError) {
        // ENOLINK: it was detached before, by somebody or with its device.
        if warrens_bpf_link_detach(handle.raw) < 0, errno != ENOLINK { throw .last("detach eBPF program", place) }
    }

    func pin(at path: String) throws(SystemError) {
        try Pin.create(handle.raw, at: path)
    }
}
