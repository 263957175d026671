internal import BPFShim
public import Host

/// A program that sees what a device received before the kernel makes packets of it. A device has one at most.
///
/// It stays only as long as this value or its pin.
public final class XDPLink: Sendable {
    public enum Mode: Sendable {
        /// In the device's driver, if that can do it.
        case native
        /// After the driver, on any device; slower than a program of traffic control.
        case generic
    }

    /// The device's index.
    public let device: Int32
    private let link: BPFLink

    /// Attaches `program` to a device in the calling thread's network namespace.
    ///
    /// - Parameter pin: Where it is pinned below a bpffs, to outlive this process.
    /// - Throws: EBUSY where the device has a program already, EOPNOTSUPP where its driver cannot do it.
    public init(
        _ program: BPFProgram, device: Int32, _ mode: Mode, pinnedAt pin: String? = nil
    ) throws(SystemError) {
        link = try BPFLink(
            program, device: device, hook: WARRENS_BPF_XDP_HOOK,
            flags: mode == .native ? WARRENS_BPF_XDP_NATIVE : WARRENS_BPF_XDP_GENERIC,
            place: "device \(device) by XDP", pin: pin)
        self.device = device
    }

    /// Opens the one that is pinned at `path`.
    ///
    /// - Throws: As ``TCXLink/init(pinnedAt:)`` does.
    public init(pinnedAt path: String) throws(SystemError) {
        link = try BPFLink(pinnedAt: path, hooks: [WARRENS_BPF_XDP_HOOK])
        device = Int32(clamping: try link.information.device)
    }

    /// The number of the program that runs there now; nil where it is gone, as with its device.
    public func programID() throws(SystemError) -> UInt32? { try link.programID() }

    /// Puts another program in the place of the present one: each packet meets one of the two.
    public func replace(by program: BPFProgram) throws(SystemError) { try link.replace(by: program) }

    /// Takes the program away, and its pin. Does nothing where it is gone.
    public func detach() throws(SystemError) { try link.detach() }
}
