internal import BPFShim
public import Host
internal import Netlink

/// A program in the chain of a tcx hook (Linux 6.6): it shares the hook with those of others, and takes no qdisc.
///
/// It stays only as long as this value or its pin.
public final class TCXLink: Hook {
    /// The place among the programs that are there when it is attached.
    public enum Order: Sendable {
        case first
        case last
    }

    public let point: HookPoint
    private let link: BPFLink

    /// Attaches `program` to a device in the calling thread's network namespace.
    ///
    /// - Parameter pin: Where it is pinned below a bpffs, to outlive this process.
    /// - Throws: EINVAL on kernels without tcx, ENODEV where there is no such device, EEXIST where something is pinned
    ///   there.
    public init(
        _ program: BPFProgram, at point: HookPoint, _ order: Order = .last, pinnedAt pin: String? = nil
    ) throws(SystemError) {
        link = try BPFLink(
            program, device: point.device, hook: Self.hook(point),
            flags: order == .first ? WARRENS_BPF_FIRST : WARRENS_BPF_LAST, place: point.description, pin: pin)
        self.point = point
    }

    /// Opens the one that is pinned at `path`.
    ///
    /// - Throws: ENOENT where there is no pin, EINVAL where it is of something else, ENODEV where the device is gone:
    ///   then the pin is to be removed.
    public init(pinnedAt path: String) throws(SystemError) {
        link = try BPFLink(pinnedAt: path, hooks: [WARRENS_BPF_TCX_INGRESS, WARRENS_BPF_TCX_EGRESS])
        let information = try link.information
        point = HookPoint(
            device: Int32(clamping: information.device),
            Int(information.hook) == WARRENS_BPF_TCX_INGRESS ? .ingress : .egress)
    }

    public func programID() throws(SystemError) -> UInt32? { try link.programID() }

    public func replace(by program: BPFProgram) throws(SystemError) { try link.replace(by: program) }

    public func detach() throws(SystemError) { try link.detach() }

    /// The numbers of all programs at a tcx hook, in their order: those of others, too.
    ///
    /// - Throws: EINVAL on kernels without tcx.
    public static func programs(at point: HookPoint) throws(SystemError) -> [UInt32] {
        // The kernel allows 64 of them.
        var ids = [UInt32](repeating: 0, count: 64)
        // Sound: the kernel writes no more numbers than there is room for.
        let count = try retrying("list eBPF programs", point.description) {
            unsafe warrens_bpf_query(UInt32(clamping: point.device), UInt32(hook(point)), &ids, UInt32(ids.count))
        }
        return Array(ids.prefix(Int(count)))
    }

    private static func hook(_ point: HookPoint) -> Int {
        point.direction == .ingress ? WARRENS_BPF_TCX_INGRESS : WARRENS_BPF_TCX_EGRESS
    }
}
