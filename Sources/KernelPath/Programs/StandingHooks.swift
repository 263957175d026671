internal import Glibc
public import Host
internal import Netlink

/// The hooks of a node that stay from one `warrensd` to the next: a program is put in the place of the one that the
/// last process left, and no packet passes without meeting either.
public struct StandingHooks: Sendable {
    private let pins: BPFFileSystem
    private let usesTCX: Bool

    /// - Parameters:
    ///   - pins: A mounted file system. It belongs to the network namespace in which the hooks are.
    ///   - usesTCX: Whether the kernel has tcx (``KernelProbe``). If not, programs become filters.
    public init(pins: BPFFileSystem, usesTCX: Bool) {
        self.pins = pins
        self.usesTCX = usesTCX
    }

    /// Attaches `program`, or puts it in the place of what is at `point` of ours. Where that came there the other way,
    /// packets meet both for a moment.
    ///
    /// - Parameters:
    ///   - place: Where it comes to stand among others, by tcx.
    ///   - makesHooks: As in ``TCFilter/init(_:at:priority:makesHooks:)``; by tcx there is nothing to make.
    public func attach(
        _ program: BPFProgram, at point: HookPoint, _ place: TCXLink.Place = .last, makesHooks: Bool = true
    ) throws(SystemError) -> any Hook {
        let name = Self.name(point)
        let present = try link(name)
        guard usesTCX else {
            let filter = try TCFilter(program, at: point, makesHooks: makesHooks)
            try present?.detach()
            return filter
        }
        if let present, present.point == point {
            try present.replace(by: program)
            return present
        }
        let link = try TCXLink(program, at: point, place, pinnedAt: pins.pin(name))
        try TCFilter(presentAt: point)?.detach()
        return link
    }

    /// All that is there of ours, of this process or an earlier one. Pins of devices that are gone are removed.
    public func all() throws(SystemError) -> [any Hook] {
        var hooks: [any Hook] = try TCFilter.present()
        for name in try pins.pins() where name.hasPrefix(Self.prefix) {
            if let link = try link(name) { hooks.append(link) }
        }
        return hooks
    }

    private static let prefix = "tcx-"

    private static func name(_ point: HookPoint) -> String { "\(prefix)\(point.direction)-\(point.device)" }

    /// What is pinned as `name`; nil where there is nothing, or its device is gone: then the number may be another
    /// device's by now.
    private func link(_ name: String) throws(SystemError) -> TCXLink? {
        do throws(SystemError) {
            let link = try TCXLink(pinnedAt: pins.pin(name))
            if try link.programID() != nil { return link }
        } catch {
            if error.code == ENOENT { return nil }
            if error.code != ENODEV { throw error }
        }
        try pins.removePin(name)
        return nil
    }
}
