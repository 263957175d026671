internal import Glibc
internal import Host
internal import Netlink

/// What the kernel under this process can do for the datapath, found out by trying it: versions tell little, as
/// distributions backport some things and leave others out.
public struct KernelProbe: Sendable {
    public enum Feature: String, CaseIterable, Sendable {
        /// Programs and maps may be loaded at all.
        case programs
        /// Programs share a device's hooks without a qdisc.
        case tcx
        /// An outer header can be made room for, with the packet's segments kept.
        case encapsulation
        /// A packet's outer header can be removed where the inner one is of the other family.
        case familyChange
        /// A packet can be sent by its route's next hop.
        case redirectToNeighbour
        /// A packet can be put behind a pod's veth pair without passing the stack.
        case redirectToPeer

        /// The first kernel of Linux itself that has it.
        public var since: String {
            switch self {
            case .programs: "4.1"
            case .tcx: "6.6"
            case .encapsulation: "5.2"
            case .familyChange: "6.3"
            case .redirectToNeighbour, .redirectToPeer: "5.10"
            }
        }
    }

    /// What the datapath cannot do without.
    public static let needed: [Feature] = [.programs, .encapsulation, .redirectToNeighbour, .redirectToPeer]

    /// Why each feature that is missing is missing: since when Linux has it, and the kernel's own words.
    public let missing: [Feature: String]

    init(missing: [Feature: String]) { self.missing = missing }

    /// Tries everything in the calling thread's network namespace. Nothing is left behind.
    public init() {
        var missing: [Feature: String] = [:]
        for feature in Feature.allCases {
            do throws(SystemError) {
                try Self.attempt(feature)
            } catch {
                missing[feature] = "Linux has it since \(feature.since); here: \(error)"
            }
        }
        self.missing = missing
    }

    /// What the datapath cannot run for want of, and why that is missing; nil where it can run.
    public var obstacle: (feature: Feature, reason: String)? {
        Self.needed.lazy.compactMap { feature in missing[feature].map { (feature, $0) } }.first
    }

    public func has(_ feature: Feature) -> Bool { missing[feature] == nil }

    private static func attempt(_ feature: Feature) throws(SystemError) {
        switch feature {
        case .programs:
            try load([.set(.r0, to: 0), .exit])
            _ = try BPFMap<UInt32, UInt32>(.hash, name: "probe", capacity: 1)
        case .tcx:
            // The loopback device: every namespace has it, and it is the first one.
            _ = try TCXLink.programs(at: HookPoint(device: 1, .ingress))
        case .encapsulation:
            try adjustRoom(by: outerHeaders, flags: [.fixedGSO, .encapsulateV4, .encapsulateUDP])
        case .familyChange:
            try adjustRoom(by: -outerHeaders, flags: [.fixedGSO, .decapsulateV4])
            try adjustRoom(by: -outerHeaders, flags: [.fixedGSO, .decapsulateV6])
        case .redirectToNeighbour:
            try load([
                .set(.r1, to: 1), .set(.r2, to: 0), .set(.r3, to: 0), .set(.r4, to: 0), .call(.redirectToNeighbour),
                .exit,
            ])
        case .redirectToPeer:
            try load([.set(.r1, to: 1), .set(.r2, to: 0), .call(.redirectToPeer), .exit])
        }
    }

    @discardableResult
    private static func load(_ instructions: [Instruction]) throws(SystemError) -> BPFProgram {
        try BPFProgram(name: "probe", encoded: instructions.map(\.encoded))
    }

    /// Of IPv4 and UDP, in bytes.
    private static let outerHeaders: Int32 = 28

    /// Of bpf_skb_adjust_room (linux/bpf.h).
    private struct RoomFlags: OptionSet {
        let rawValue: Int32
        static let fixedGSO = RoomFlags(rawValue: 1 << 0)
        static let encapsulateV4 = RoomFlags(rawValue: 1 << 1)
        static let encapsulateUDP = RoomFlags(rawValue: 1 << 4)
        static let decapsulateV4 = RoomFlags(rawValue: 1 << 7)
        static let decapsulateV6 = RoomFlags(rawValue: 1 << 8)
    }

    /// The kernel looks at these flags when the program runs, not when it is loaded. So it runs, over an IPv4 packet.
    private static func adjustRoom(by length: Int32, flags: RoomFlags) throws(SystemError) {
        /// BPF_ADJ_ROOM_MAC: directly behind the Ethernet header.
        let mode: Int32 = 1
        let program = try load([
            .set(.r2, to: length), .set(.r3, to: mode), .set(.r4, to: flags.rawValue), .call(.adjustRoom), .exit,
        ])
        var packet = [UInt8](repeating: 0, count: 128)
        packet.replaceSubrange(12..<15, with: [0x08, 0x00, 0x45])
        let result = try program.run(packet).result
        if result < 0 { throw SystemError("adjust room", "by \(length) bytes", code: 0 &- result) }
    }
}
