internal import BPFShim
internal import Glibc
public import Host

/// A program in the chain of a tcx hook (Linux 6.6): it shares the hook with those of others, and takes no qdisc.
///
/// It stays only as long as this value or a pin of it.
public final class TCXLink: Hook {
    /// The place among the programs that are there when it is attached.
    public enum Place: Sendable {
        case first
        case last
    }

    public let point: HookPoint
    private let link: BPFLink

    /// Attaches `program` to a device in the calling thread's network namespace.
    ///
    /// - Throws: EINVAL on kernels without tcx, ENODEV where there is no such device.
    public init(_ program: BPFProgram, at point: HookPoint, _ place: Place = .last) throws(SystemError) {
        link = try BPFLink(
            program, device: point.device,
            hook: point.direction == .ingress ? WARRENS_BPF_TCX_INGRESS : WARRENS_BPF_TCX_EGRESS,
            flags: place == .first ? WARRENS_BPF_FIRST : WARRENS_BPF_LAST, place: point.description)
        self.point = point
    }

    /// Opens the one that is pinned at `path`.
    ///
    /// - Throws: ENOENT where there is no pin, EINVAL where it is of something else, ENODEV where the device is gone:
    ///   then the pin is to be removed.
    public init(pinnedAt path: String) throws(SystemError) {
        link = try BPFLink(pinnedAt: path)
        let information = try link.information
        let direction: HookPoint.Direction
        switch Int(information.hook) {
        case WARRENS_BPF_TCX_INGRESS: direction = .ingress
        case WARRENS_BPF_TCX_EGRESS: direction = .egress
        default: throw SystemError("open pin", path, code: EINVAL, detail: "it is no tcx link")
        }
        if information.device == 0 { throw SystemError("open pin", path, code: ENODEV) }
        point = HookPoint(device: information.device, direction)
    }

    public func programID() throws(SystemError) -> UInt32? { try link.programID() }

    public func replace(by program: BPFProgram) throws(SystemError) { try link.replace(by: program) }

    /// Takes the program away, also where pins hold the link; they remain as names of nothing, to be removed.
    public func detach() throws(SystemError) { try link.detach() }

    /// Has it outlive this process, below a bpffs.
    ///
    /// - Throws: EEXIST where something is pinned there.
    public func pin(at path: String) throws(SystemError) { try link.pin(at: path) }

    /// The numbers of all programs at a tcx hook, in their order: those of others, too.
    ///
    /// - Throws: EINVAL on kernels without tcx.
    public static func programs(at point: HookPoint) throws(SystemError) -> [UInt32] {
        let hook = UInt32(point.direction == .ingress ? WARRENS_BPF_TCX_INGRESS : WARRENS_BPF_TCX_EGRESS)
        // The kernel allows 64 of them.
        var ids = [UInt32](repeating: 0, count: 64)
        // Sound: the kernel writes no more numbers than there is room for.
        let count = try retrying("list eBPF programs", point.description) {
            unsafe warrens_bpf_query(point.device, hook, &ids, UInt32(ids.count))
        }
        return Array(ids.prefix(Int(count)))
    }
}
