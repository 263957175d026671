internal import BPFShim
internal import Host

/// Names below a bpffs that keep programs, maps and links alive without any process.
enum Pin {
    static func create(_ raw: Int32, at path: String) throws(SystemError) {
        // Sound: the kernel copies the path before the call returns.
        try retrying("pin", path) { unsafe warrens_bpf_pin(raw, path) }
    }

    static func open(_ path: String) throws(SystemError) -> OwnedDescriptor {
        let raw = try retrying("open pin", path) { unsafe warrens_bpf_open_pin(path) }
        return OwnedDescriptor(owning: raw)
    }
}
