internal import Glibc
internal import Host

typealias HookPlace = StandingHooks.Place

extension HookPlace {
    /// A pod's veth is also others' to put a queueing discipline on: none is made there for us.
    fileprivate var makesHooks: Bool { name != "pod" && name != "to_pod" }
}

/// Our programs at the devices' hooks, one at each. They stay when this process ends, and the next one puts its own in
/// their place.
struct HookSet {
    private let standing: StandingHooks
    private let programs: [String: BPFProgram]
    private var hooks: [HookPlace: any Hook]

    /// Takes over what the last process has left. Its programs go on until ``settle(_:)``.
    init(_ standing: StandingHooks, _ programs: [String: BPFProgram]) throws(SystemError) {
        self.standing = standing
        self.programs = programs
        hooks = try standing.all()
    }

    /// Where programs are, and the kernel's number of each; nil where it is gone.
    var present: [(place: HookPlace, program: UInt32?)] {
        hooks.map { (place: $0.key, program: (try? $0.value.programID()) ?? nil) }
            .sorted { $0.place.description < $1.place.description }
    }

    /// Has the programs of this process at these places, and nowhere else.
    ///
    /// - Returns: What was changed, in words for the log.
    mutating func settle(_ wanted: Set<HookPlace>) throws(SystemError) -> [String] {
        var changes: [String] = []
        for (place, hook) in hooks where !wanted.contains(place) {
            try hook.detach()
            hooks[place] = nil
            changes.append("no more \(place)")
        }
        for place in wanted {
            guard let program = programs[place.name] else { continue }
            if let present = try hooks[place]?.programID(), present == program.identity.id { continue }
            do throws(SystemError) {
                // First: what others do to packets is done to what is left for the stack.
                hooks[place] = try standing.attach(program, at: place, .first, makesHooks: place.makesHooks)
                changes.append("\(place)")
            } catch  where error.code == ENODEV || error.code == ENOENT && !place.makesHooks {
                // The device is gone, of which there will be news; or it has no hooks that we may use.
                hooks[place] = nil
            }
        }
        return changes
    }
}
