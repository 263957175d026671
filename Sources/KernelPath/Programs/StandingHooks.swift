internal import Glibc
public import Host
internal import Netlink

/// The hooks of a node that stay from one `warrensd` to the next: a program is put in the place of the one that the
/// last process left, and no packet passes without meeting either.
public struct StandingHooks: Sendable {
    /// What is at a hook of ours, by a name that stays the same from one release to the next.
    public struct Place: Hashable, Sendable, CustomStringConvertible {
        /// Usually the program's: letters, digits and underscores.
        public let name: String
        public let point: HookPoint

        public init(_ name: String, _ point: HookPoint) {
            self.name = name
            self.point = point
        }

        /// `uplink at ingress of device 2`
        public var description: String { "\(name) at \(point)" }
    }

    private let pins: BPFFileSystem
    private let usesTCX: Bool

    /// - Parameters:
    ///   - pins: A mounted file system. It belongs to the network namespace in which the hooks are.
    ///   - usesTCX: Whether the kernel has tcx (``KernelProbe``). If not, programs become filters.
    public init(pins: BPFFileSystem, usesTCX: Bool) {
        self.pins = pins
        self.usesTCX = usesTCX
    }

    /// Attaches `program`, or puts it in the place of what is there of ours. Where that came there the other way,
    /// packets meet both for a moment.
    ///
    /// - Parameters:
    ///   - order: Where it comes to stand among others, by tcx.
    ///   - makesHooks: As in ``TCFilter/init(_:named:at:priority:makesHooks:)``; by tcx there is nothing to make.
    public func attach(
        _ program: BPFProgram, at place: Place, _ order: TCXLink.Order = .last, makesHooks: Bool = true
    ) throws(SystemError) -> any Hook {
        let present = try link(place)
        guard usesTCX else {
            let filter = try TCFilter(program, named: place.name, at: place.point, makesHooks: makesHooks)
            try present?.detach()
            return filter
        }
        if let present {
            try present.replace(by: program)
            return present
        }
        let link = try TCXLink(program, at: place.point, order, pinnedAt: path(place))
        if let filter = try TCFilter(presentAt: place.point), filter.name == place.name { try filter.detach() }
        return link
    }

    /// All that is there of ours, of this process or an earlier one. Pins of devices that are gone are removed.
    public func all() throws(SystemError) -> [Place: any Hook] {
        var hooks: [Place: any Hook] = [:]
        for filter in try TCFilter.present() { hooks[Place(filter.name, filter.point)] = filter }
        for pin in try pins.pins() {
            if let place = Place(pin: pin), let link = try link(place) { hooks[place] = link }
        }
        return hooks
    }

    private func path(_ place: Place) -> String { pins.pin(place.pin) }

    /// What is pinned for a place; nil where there is nothing, or its device is gone: then the number may be another
    /// device's by now.
    private func link(_ place: Place) throws(SystemError) -> TCXLink? {
        do throws(SystemError) {
            let link = try TCXLink(pinnedAt: path(place))
            if try link.programID() != nil, link.point == place.point { return link }
        } catch {
            if error.code == ENOENT { return nil }
            if error.code != ENODEV { throw error }
        }
        try pins.removePin(place.pin)
        return nil
    }
}

extension StandingHooks.Place {
    private static let prefix = "hook-"

    /// `hook-uplink-ingress-2`
    fileprivate var pin: String { "\(Self.prefix)\(name)-\(point.direction)-\(point.device)" }

    /// From the name of a pin; nil for any other.
    fileprivate init?(pin: String) {
        guard pin.hasPrefix(Self.prefix) else { return nil }
        let parts = pin.dropFirst(Self.prefix.count).split(separator: "-")
        guard parts.count == 3, let device = Int32(parts[2]),
            let direction = TrafficDirection.allCases.first(where: { "\($0)" == parts[1] })
        else { return nil }
        self.init(String(parts[0]), HookPoint(device: device, direction))
    }
}
