/// Instructions of eBPF (RFC 9669), for programs of a few of them that only find out what the kernel can do.
struct Instruction: Sendable {
    /// Operation, registers, offset and immediate value as they stand in memory.
    let encoded: UInt64

    /// r0 takes what a call gives and what the program returns, r1 to r5 are what a call takes. At the beginning, r1 is
    /// the packet.
    enum Register: UInt64 {
        case r0, r1, r2, r3, r4, r5
    }

    private init(_ operation: UInt64, _ register: Register = .r0, immediate: Int32 = 0) {
        encoded = operation | register.rawValue << 8 | UInt64(UInt32(bitPattern: immediate)) << 32
    }

    /// Sets a register to a number.
    static func set(_ register: Register, to number: Int32) -> Instruction {
        Instruction(0xb7, register, immediate: number)
    }

    /// Calls one of the kernel's functions for programs.
    static func call(_ helper: Helper) -> Instruction { Instruction(0x85, immediate: helper.rawValue) }

    /// Ends the program.
    static let exit = Instruction(0x95)

    /// Numbers of `enum bpf_func_id` (linux/bpf.h).
    enum Helper: Int32 {
        /// Makes or takes away room behind the Ethernet header: packet, difference in bytes, mode, flags.
        case adjustRoom = 50
        /// Sends the packet by a device to its next hop: device, next hop, its length, flags.
        case redirectToNeighbour = 152
        /// Puts the packet behind the other end of a veth pair: device, flags.
        case redirectToPeer = 155
    }
}
