internal import BPFShim
internal import Glibc
public import Host

/// A program in the kernel. It stays there as long as this value, a pin or a hook holds it.
public final class BPFProgram: Sendable {
    /// What tells programs apart.
    public struct Identity: Hashable, Sendable {
        /// The kernel's number for it, until it is unloaded.
        public let id: UInt32
        /// Of its name the kernel keeps fifteen characters.
        public let name: String
        /// A hash over its instructions, 16 hexadecimal digits: the same for each load of the same program.
        public let tag: String
    }

    public let identity: Identity
    private let handle: OwnedDescriptor

    /// The descriptor's number, valid while this value lives.
    var raw: Int32 { handle.raw }

    init(owning handle: consuming OwnedDescriptor) throws(SystemError) {
        var information = warrens_bpf_program()
        if unsafe warrens_bpf_program_information(handle.raw, &information) < 0 {
            throw .last("inspect", "eBPF program")
        }
        self.handle = handle
        identity = Identity(
            id: information.id, name: text(information.name), tag: hexadecimal(information.tag))
    }

    /// Loads a program for traffic control from instructions of eight bytes each.
    ///
    /// - Throws: An error that ends with what the verifier has against it.
    convenience init(name: String, encoded instructions: [UInt64]) throws(SystemError) {
        var log = KernelLog()
        // Sound: the kernel reads as many instructions as there are, and writes no more text than there is room for.
        let raw = unsafe instructions.withUnsafeBufferPointer { instructions in
            unsafe log.withBuffer { log in
                unsafe warrens_bpf_program_load(
                    UInt32(WARRENS_BPF_CLASSIFIER), name, instructions.baseAddress, instructions.count,
                    log.baseAddress, log.count)
            }
        }
        if raw < 0 { throw log.error("load eBPF program", name) }
        try self.init(owning: OwnedDescriptor(owning: raw))
    }

    /// Opens the program with a number of the kernel's, such as one that a hook names.
    public convenience init(id: UInt32) throws(SystemError) {
        let raw = try retrying("open eBPF program", "number \(id)") { warrens_bpf_program_open(id) }
        try self.init(owning: OwnedDescriptor(owning: raw))
    }

    /// Opens a pinned program.
    public convenience init(pinnedAt path: String) throws(SystemError) {
        try self.init(owning: Pin.open(path))
    }

    /// Has it outlive this process, below a bpffs.
    ///
    /// - Throws: EEXIST where something is pinned there.
    public func pin(at path: String) throws(SystemError) {
        try Pin.create(raw, at: path)
    }

    /// What a run over a packet gave.
    public struct Run: Sendable {
        /// The program's answer, such as TC_ACT_UNSPEC (-1) or XDP_PASS.
        public let result: Int32
        /// The packet as the program left it.
        public let packet: [UInt8]
        /// The average of all repetitions, in nanoseconds.
        public let duration: UInt32
    }

    /// Runs it over `packet`, without any device (BPF_PROG_TEST_RUN): for tests.
    ///
    /// - Parameters:
    ///   - packet: An Ethernet frame, at least 14 bytes long.
    ///   - repetitions: How often. Each run begins with the packet as the last one left it.
    /// - Throws: ENOSPC where the packet grows by more than 512 bytes.
    public func run(_ packet: [UInt8], repetitions: UInt32 = 1) throws(SystemError) -> Run {
        var output = [UInt8](repeating: 0, count: packet.count + 512)
        var run = unsafe warrens_bpf_run()
        unsafe run.repetitions = repetitions
        // Sound: the kernel reads as much as it is told, and writes no more than there is room.
        let result = unsafe packet.withUnsafeBytes { input in
            unsafe output.withUnsafeMutableBytes { output in
                unsafe run.input = input.baseAddress
                unsafe run.input_length = UInt32(truncatingIfNeeded: input.count)
                unsafe run.output = output.baseAddress
                unsafe run.output_length = UInt32(truncatingIfNeeded: output.count)
                return unsafe warrens_bpf_program_run(handle.raw, &run)
            }
        }
        if result < 0 { throw .last("run eBPF program", identity.name) }
        return unsafe Run(
            result: Int32(bitPattern: run.result), packet: Array(output.prefix(Int(run.output_length))),
            duration: run.duration)
    }
}
