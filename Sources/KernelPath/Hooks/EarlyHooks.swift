internal import BPFShim
internal import Glibc
internal import Host

/// Our program in the drivers of network cards (XDP), by the devices' indices. It stays when this process ends, and the next
/// one puts its own in its place.
struct EarlyHooks {
    private static let prefix = "early-"

    private let pins: BPFFileSystem
    private let program: BPFProgram
    private var links: [Int32: XDPLink]
    /// Why there is none at a device that was to have one, for people to read.
    private(set) var refusals: [Int32: String] = [:]

    /// Loads the program, which shares maps that are pinned, and takes over what the last process has left.
    ///
    /// - Parameter prepare: Has the object use those maps.
    init(
        _ pins: BPFFileSystem, prepare: (borrowing BPFObject) throws(SystemError) -> Void
    ) throws(SystemError) {
        let object = try BPFObject(.xdp)
        try prepare(object)
        try object.load()
        self.pins = pins
        program = try object.program(named: "arriving")
        links = try Self.present(pins)
    }

    /// Where the program is, and the kernel's number of each; nil where it is gone.
    var present: [(device: Int32, program: UInt32?)] {
        links.sorted { $0.key < $1.key }.map { (device: $0.key, program: (try? $0.value.programID()) ?? nil) }
    }

    /// Has the program of this process at these devices, as far as their drivers can, and nowhere else.
    ///
    /// - Returns: What was changed, in words for the log.
    mutating func settle(_ devices: Set<Int32>) throws(SystemError) -> [String] {
        var changes: [String] = []
        for (device, link) in links where !devices.contains(device) {
            try link.detach()
            links[device] = nil
            changes.append("no more XDP of device \(device)")
        }
        refusals = refusals.filter { devices.contains($0.key) }
        for device in devices where refusals[device] == nil {
            let running = try links[device]?.programID()
            if running == program.identity.id { continue }
            do throws(SystemError) {
                if running != nil, let link = links[device] {
                    try link.replace(by: program)
                } else {
                    try pins.removePin("\(Self.prefix)\(device)")
                    links[device] = try XDPLink(
                        program, device: device, .native, pinnedAt: pins.pin("\(Self.prefix)\(device)"))
                }
                changes.append("XDP of device \(device)")
            } catch {
                links[device] = nil
                // Where the device is gone there will be news.
                if error.code != ENODEV { refusals[device] = "\(error)" }
            }
        }
        return changes
    }

    /// Takes away what any process has left.
    ///
    /// - Returns: What was there: `XDP of device 2`.
    static func remove(_ pins: BPFFileSystem) throws(SystemError) -> [String] {
        var places: [String] = []
        for (device, link) in try present(pins).sorted(by: { $0.key < $1.key }) {
            try link.detach()
            places.append("arriving at XDP of device \(device)")
        }
        return places
    }

    /// What is pinned. Pins of devices that are gone are removed.
    private static func present(_ pins: BPFFileSystem) throws(SystemError) -> [Int32: XDPLink] {
        var links: [Int32: XDPLink] = [:]
        for name in try pins.pins() where name.hasPrefix(prefix) {
            do throws(SystemError) {
                let link = try XDPLink(pinnedAt: pins.pin(name))
                if name == "\(prefix)\(link.device)", try link.programID() != nil {
                    links[link.device] = link
                    continue
                }
            } catch {
                if error.code != ENODEV { throw error }
            }
            try pins.removePin(name)
        }
        return links
    }
}
