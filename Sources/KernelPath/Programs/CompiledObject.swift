internal import Host

/// An object file of eBPF programs and maps, compiled with this library and embedded into the executable.
///
/// The build makes one for each `Sources/TunnelDatapath/BPF/NAME.bpf.c`: `CompiledObject.NAME`.
public struct CompiledObject: Sendable {
    /// The source file's name without its ending.
    public let name: String
    /// The ELF file.
    let bytes: [UInt8]

    /// Takes an object file as it is.
    init(name: String, bytes: [UInt8]) {
        self.name = name
        self.bytes = bytes
    }

    /// Takes what the build has embedded.
    init(name: String, base64: StaticString) {
        // Text that is no Base64 cannot come from the build, and would be refused as an object without contents.
        self.init(name: name, bytes: Base64.bytes(base64.description) ?? [])
    }
}
