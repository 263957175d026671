internal import Host

/// A program by name, at a place.
struct HookPlace: Hashable, Sendable, CustomStringConvertible {
    var program: String
    var point: HookPoint

    /// `uplink at ingress of device 2`
    var description: String { "\(program) at \(point)" }

    /// The pin that keeps it: `hook-uplink-ingress-2`.
    var pin: String { "\(Self.prefix)\(program)-\(point.direction.rawValue)-\(point.device)" }

    private static let prefix = "hook-"

    init(_ program: String, _ point: HookPoint) {
        self.program = program
        self.point = point
    }

    /// From the name of a pin; nil for any other.
    init?(pin: String) {
        guard pin.hasPrefix(Self.prefix) else { return nil }
        let parts = pin.dropFirst(Self.prefix.count).split(separator: "-")
        guard parts.count == 3, let direction = HookPoint.Direction(rawValue: String(parts[1])),
            let device = UInt32(parts[2])
        else { return nil }
        self.init(String(parts[0]), HookPoint(device: device, direction))
    }
}

/// Our programs at the devices' hooks. They are pinned: they stay when this process ends, and the next one puts its own in
/// their place, packet by packet.
struct HookSet {
    private let pins: BPFFileSystem
    private let programs: [String: BPFProgram]
    private var links: [HookPlace: TCXLink] = [:]

    /// Takes over what the last daemon has left. Its programs go on until ``settle(_:)``.
    init(_ pins: BPFFileSystem, _ programs: [String: BPFProgram]) throws(SystemError) {
        self.pins = pins
        self.programs = programs
        for pin in try pins.pins() {
            guard let place = HookPlace(pin: pin) else { continue }
            do throws(SystemError) {
                links[place] = try TCXLink(pinnedAt: pins.pin(pin))
            } catch {
                // Its device is gone.
                try pins.removePin(pin)
            }
        }
    }

    /// Where programs are.
    var places: [HookPlace] { links.keys.sorted { $0.description < $1.description } }

    /// The number of the program at a place; nil where it is gone.
    func programID(at place: HookPlace) -> UInt32? {
        (try? links[place]?.programID()) ?? nil
    }

    /// Has the programs of this process at these places, and nowhere else.
    ///
    /// - Returns: What was changed, in words for the log.
    mutating func settle(_ wanted: Set<HookPlace>) throws(SystemError) -> [String] {
        var changes: [String] = []
        for (place, link) in links where !wanted.contains(place) {
            try link.detach()
            try pins.removePin(place.pin)
            links[place] = nil
            changes.append("\(place) taken away")
        }
        for place in wanted {
            guard let program = programs[place.program] else { continue }
            if let link = links[place] {
                guard let present = try link.programID() else {
                    // Detached by somebody, or its device is another one with the same number.
                    try pins.removePin(place.pin)
                    links[place] = nil
                    try attach(program, at: place)
                    changes.append("\(place) put back")
                    continue
                }
                if present != program.identity.id {
                    try link.replace(by: program)
                    changes.append("\(place) taken over")
                }
            } else {
                try attach(program, at: place)
                changes.append("\(place)")
            }
        }
        return changes
    }

    private mutating func attach(_ program: BPFProgram, at place: HookPlace) throws(SystemError) {
        // First: what others do to packets is done to what is left for the stack.
        let link = try TCXLink(program, at: place.point, .first)
        try link.pin(at: pins.pin(place.pin))
        links[place] = link
    }
}
