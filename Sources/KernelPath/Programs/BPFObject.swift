internal import BPFShim
public import Host

/// An object file of programs and maps: opened, then adapted to this node, then loaded into the kernel.
///
///     let object = try BPFObject(.tunnel)
///     try object.load(only: ["egress"])
///     try object.setCapacity(of: "peers", to: 100_000)
///     try object.pin(map: "peers", at: "\(pins.path)/peers")
///     try object.load()
///     let egress = try object.program(named: "egress")
///
/// Programs and maps that were taken from it live on without it. Not for use by two threads at once.
@safe public struct BPFObject: ~Copyable {
    /// The object's name, for messages to people.
    public let name: String
    private let raw: OpaquePointer

    /// Opens `compiled`. Nothing is in the kernel yet.
    ///
    /// - Throws: What libbpf has against the file.
    public init(_ compiled: CompiledObject) throws(SystemError) {
        var log = KernelLog()
        // Sound: libbpf copies the file and keeps no pointer into it.
        let raw = unsafe compiled.bytes.withUnsafeBytes { bytes in
            unsafe log.withBuffer { log in
                unsafe warrens_bpf_object_open(
                    bytes.baseAddress, bytes.count, compiled.name, log.baseAddress, log.count)
            }
        }
        guard let raw = unsafe raw else { throw log.error("open eBPF object", compiled.name) }
        unsafe self.raw = raw
        name = compiled.name
    }

    deinit {
        unsafe warrens_bpf_object_close(raw)
    }

    // MARK: Before loading

    /// The names of all programs in the file.
    public var programNames: [String] {
        let length = unsafe warrens_bpf_object_programs(raw, nil, 0)
        var names = [CChar](repeating: 0, count: length)
        // Sound: the call writes no more than the room that it is told of.
        _ = unsafe names.withUnsafeMutableBufferPointer {
            unsafe warrens_bpf_object_programs(raw, $0.baseAddress, length)
        }
        return names.split(separator: 0).map { name in
            String(decoding: name.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        }
    }

    /// Has only these programs loaded, such as those that this kernel can run; by default all are.
    ///
    /// - Throws: ENOENT where there is none of a name.
    public borrowing func load(only names: Set<String>) throws(SystemError) {
        let present = programNames
        for name in names.sorted() where !present.contains(name) { throw missing(name) }
        for name in present {
            try check("choose program", name, unsafe warrens_bpf_object_set_loads(raw, name, names.contains(name)))
        }
    }

    /// Makes room for `entries` in a map, instead of what its source says.
    public borrowing func setCapacity(of map: String, to entries: UInt32) throws(SystemError) {
        try check("size map", map, unsafe warrens_bpf_object_set_capacity(raw, map, entries))
    }

    /// Has loading take over the map that is pinned at `path`, or create it and pin it there.
    ///
    /// A map that is pinned already keeps its entries. It must be of the same type, sizes and capacity: otherwise
    /// loading fails with EINVAL.
    public borrowing func pin(map: String, at path: String) throws(SystemError) {
        try check("pin map", map, unsafe warrens_bpf_object_set_pin(raw, map, path))
    }

    /// Has loading use an existing map instead of creating one.
    public borrowing func reuse(map: String, _ present: borrowing BPFMapHandle) throws(SystemError) {
        try check("reuse map", map, unsafe warrens_bpf_object_reuse(raw, map, present.raw))
    }

    /// Fills a section of constants, with which the verifier reckons: code that they rule out needs no newer kernel.
    ///
    /// - Parameters:
    ///   - section: Such as `.rodata.settings`: one `const volatile` structure with that SEC.
    ///   - value: That structure, of the same length.
    public borrowing func setConstants(
        _ section: String, _ value: some BitwiseCopyable
    ) throws(SystemError) {
        let result = unsafe withUnsafeBytes(of: value) {
            // Sound: libbpf copies the bytes.
            unsafe warrens_bpf_object_set_constants(raw, section, $0.baseAddress, $0.count)
        }
        try check("set constants", section, result)
    }

    // MARK: Loading, and after

    /// Creates the maps and loads the programs.
    ///
    /// - Throws: Where the verifier refuses a program, an error that ends with what it says: the instruction, the line
    ///   of source that it stands for, and the reason.
    public borrowing func load() throws(SystemError) {
        var log = KernelLog()
        let result = unsafe log.withBuffer { unsafe warrens_bpf_object_load(raw, $0.baseAddress, $0.count) }
        if result < 0 { throw log.error("load eBPF object", name) }
    }

    /// A loaded program.
    ///
    /// - Throws: ENOENT where the object has none of that name, or it was not loaded.
    public borrowing func program(named program: String) throws(SystemError) -> BPFProgram {
        let descriptor = try retrying("find eBPF program", "\(name)/\(program)") {
            unsafe warrens_bpf_object_program(raw, program)
        }
        return try BPFProgram(owning: OwnedDescriptor(owning: descriptor))
    }

    /// A map, once it was created.
    ///
    /// - Throws: ENOENT where the object has none of that name.
    public borrowing func map(named map: String) throws(SystemError) -> BPFMapHandle {
        let descriptor = try retrying("find eBPF map", "\(name)/\(map)") { unsafe warrens_bpf_object_map(raw, map) }
        return try BPFMapHandle(owning: OwnedDescriptor(owning: descriptor))
    }

    private func missing(_ part: String) -> SystemError {
        SystemError("find eBPF program", "\(name)/\(part)", code: 2)
    }

    private func check(_ operation: String, _ part: String, _ result: Int32) throws(SystemError) {
        if result < 0 { throw .last(operation, "\(name)/\(part)") }
    }
}
