internal import BPFShim
internal import Glibc
package import Host
internal import Netlink
package import PacketPath
internal import Synchronization

/// The datapath in the kernel: eBPF programs at the tunnel device, the uplinks and the pods' veths.
///
/// They carry what they can. The rest goes to the tunnel device and to the UDP port, where another datapath has to stand.
/// All that it makes in the kernel is pinned: packets go on while no `warrensd` runs, and the next one takes it over.
package final class KernelPath: Sendable {
    struct State {
        var peers: PeerMaps
        var hooks: HookSet
        /// Nil where no driver runs a program.
        var early: EarlyHooks?
        var plan: ForwardingPlan.Local
        var surroundings: Surroundings
        /// What the programs saw of flows up to then counts no more; nanoseconds of the monotonic clock.
        var evidenceSince = UInt64(clamping: monotonicNanoseconds())
    }

    package let options: KernelOptions
    let probe: KernelProbe
    let maps: DatapathMaps
    private let tracking: LiberalTracking
    let state: Mutex<State>

    /// Loads the programs, fills their maps and has them run.
    ///
    /// - Throws: Where this kernel cannot do it: the reason, for people to read.
    package init(
        _ options: KernelOptions, pins: BPFFileSystem, _ tracking: LiberalTracking, plan: ForwardingPlan,
        _ surroundings: Surroundings
    ) throws(SystemError) {
        let probe = try Self.probe()
        try pins.mount()
        let object = try BPFObject(.tunnel)
        try Self.share(pins, options, object)
        try object.load()
        maps = try DatapathMaps(object)
        var programs: [String: BPFProgram] = [:]
        for name in object.programNames { programs[name] = try object.program(named: name) }
        self.options = options
        self.probe = probe
        self.tracking = tracking
        var state = State(
            peers: PeerMaps(maps, options.subnetLengths),
            hooks: try HookSet(StandingHooks(pins: pins, usesTCX: probe.has(.tcx)), programs), plan: plan.local,
            surroundings: surroundings)
        if surroundings.stripsEarly {
            state.early = try EarlyHooks(pins) { object throws(SystemError) in try Self.share(pins, options, object) }
        } else {
            _ = try EarlyHooks.remove(pins)
        }
        try Self.fill(&state, maps, Self.config(options, probe), plan.peers)
        try Self.beginGeneration(maps)
        _ = try state.hooks.settle(options.places(surroundings))
        // Behind the programs that know what they leave.
        _ = try state.early?.settle(surroundings.earlyDevices)
        try Self.removeOtherLayouts(pins, options)
        self.state = Mutex(state)
    }

    /// Has an object's maps be those that are pinned, or pins them.
    private static func share(
        _ pins: BPFFileSystem, _ options: KernelOptions, _ object: borrowing BPFObject
    ) throws(SystemError) {
        // Its memory is taken whole.
        if !options.fastPath { try object.setCapacity(of: "flows", to: 1) }
        for name in DatapathMaps.names { try object.pin(map: name, at: pins.pin(mapPin(name, options))) }
    }

    /// What this kernel can do.
    ///
    /// - Throws: Where that is too little: the reason, for people to read.
    package static func probe() throws(SystemError) -> KernelProbe {
        let probe = KernelProbe()
        if let (feature, reason) = probe.obstacle {
            throw SystemError("use eBPF", "\(feature)", code: EOPNOTSUPP, detail: reason)
        }
        return probe
    }

    /// The version stands in the name: maps of another layout are filled beside the old ones, which go once no program
    /// reads them any more.
    private static func mapPin(_ name: String, _ options: KernelOptions) -> String {
        "map-\(WARRENS_LAYOUT_VERSION)-\(name)" + (name == "flows" && options.fastPath ? "-fast" : "")
    }

    private static func removeOtherLayouts(_ pins: BPFFileSystem, _ options: KernelOptions) throws(SystemError) {
        let ours = Set(DatapathMaps.names.map { mapPin($0, options) })
        for pin in try pins.pins() where pin.hasPrefix("map-") && !ours.contains(pin) { try pins.removePin(pin) }
    }

    /// Takes all that a kernel path has left out of the kernel. Does nothing where there is nothing.
    ///
    /// - Returns: What was there: `uplink at ingress of device 2`.
    @discardableResult
    package static func remove(_ pins: BPFFileSystem) throws(SystemError) -> [String] {
        // All that is ours was made beside pins.
        guard pins.isMounted else { return [] }
        var places: [String] = []
        places += try EarlyHooks.remove(pins)
        for (place, hook) in try StandingHooks(pins: pins, usesTCX: true).all() {
            try hook.detach()
            places.append(place.description)
        }
        try pins.remove()
        return places
    }

    // MARK: Following

    /// Puts a plan in force. What it has in common with the former one loses no packet.
    package func replace(_ plan: ForwardingPlan) throws(SystemError) {
        try withState { state throws(SystemError) in
            state.plan = plan.local
            try Self.fill(&state, maps, config, plan.peers)
        }
    }

    /// Changes the plan in force, in the same way.
    package func apply(_ change: ForwardingChange) throws(SystemError) {
        try withState { state throws(SystemError) in
            try state.peers.apply(change, state.surroundings.ways)
            if state.plan != change.local {
                state.plan = change.local
                try Self.fillLocal(state, maps, config)
            } else {
                try Self.configure(state, maps, config)
            }
        }
    }

    /// Follows what has changed around the datapath.
    ///
    /// - Returns: What was changed at hooks, in words for the log.
    package func follow(_ surroundings: Surroundings) throws(SystemError) -> [String] {
        try withState { state throws(SystemError) in
            // Programs come before what leads packets to them, and go after it.
            let former = state.surroundings
            var changes = try state.hooks.settle(options.places(surroundings).union(options.places(former)))
            if surroundings != former {
                state.surroundings = surroundings
                try state.peers.refresh(surroundings.ways)
                try Self.fillLocal(state, maps, config)
            }
            changes += try state.hooks.settle(options.places(surroundings))
            changes += try state.early?.settle(surroundings.earlyDevices) ?? []
            // Here, because the kernel may begin to track connections at any time.
            if options.fastPath {
                if try tracking.ensure() { changes.append("connection tracking is liberal about TCP windows") }
            } else {
                if try tracking.restore() { changes.append("connection tracking is as it was") }
            }
            return changes
        }
    }

    /// Has every flow go through the host's stack, until it is seen anew that the host only passes it on: to be called
    /// where what the host does with packets has changed. Costs next to nothing, here and for the flows.
    package func distrustFlows() throws(SystemError) {
        guard options.fastPath else { return }
        try withState { state throws(SystemError) in
            state.evidenceSince = UInt64(clamping: monotonicNanoseconds())
            try Self.configure(state, maps, config)
        }
    }

    /// What follows from settings and kernel, and so stays.
    private var config: warrens_config { Self.config(options, probe) }

    private static func config(_ options: KernelOptions, _ probe: KernelProbe) -> warrens_config {
        var config = options.config
        if probe.has(.familyChange) { config.flags |= WARRENS_CROSSES_FAMILIES.rawValue }
        return config
    }

    /// Changes what is in force. Whatever became of it, the programs forget what they found out before.
    private func withState<Result: Sendable>(
        _ body: (inout State) throws(SystemError) -> sending Result
    ) throws(SystemError) -> Result {
        try state.withLock { state throws(SystemError) in
            defer { try? Self.beginGeneration(maps) }
            return try body(&state)
        }
    }

    private static func beginGeneration(_ maps: DatapathMaps) throws(SystemError) {
        guard var config = try maps.config.value(for: 0) else { return }
        config.generation = max(config.generation &+ 1, 1)
        try maps.config.set(config, for: 0)
    }

    // MARK: Filling

    private static func fill(
        _ state: inout State, _ maps: DatapathMaps, _ config: warrens_config, _ peers: [ForwardingPlan.Peer]
    ) throws(SystemError) {
        try state.peers.reconcile(peers, state.surroundings.ways)
        try fillLocal(state, maps, config)
    }

    private static func fillLocal(
        _ state: borrowing State, _ maps: DatapathMaps, _ config: warrens_config
    ) throws(SystemError) {
        var own: [Bytes<warrens_prefix>: UInt32] = [:]
        for route in state.plan.routes { own[Bytes(warrens_prefix(route))] = WARRENS_OWN_ROUTE.rawValue }
        for subnet in state.plan.subnets { own[Bytes(warrens_prefix(subnet))] = WARRENS_OWN_SUBNET.rawValue }
        try maps.own.replace(own)
        var addresses: [Bytes<warrens_address>: UInt8] = [:]
        for address in state.plan.addresses { addresses[Bytes(warrens_address(address))] = 1 }
        try maps.addresses.replace(addresses)
        try maps.locals.replace(state.surroundings.locals)
        try configure(state, maps, config)
    }

    private static func configure(
        _ state: borrowing State, _ maps: DatapathMaps, _ config: warrens_config
    ) throws(SystemError) {
        var config = config
        config.tunnel_device = UInt32(bitPattern: state.surroundings.tunnelDevice)
        if let loop = state.surroundings.loop {
            config.loop_device = UInt32(bitPattern: loop.entry)
            config.loop_mac = loop.mac.tuple
        }
        config.longest_received = UInt32(clamping: state.plan.longestReceived)
        config.evidence_since = state.evidenceSince
        if state.peers.oddSubnetCount > 0 { config.flags |= WARRENS_HAS_ODD_SUBNETS.rawValue }
        if state.peers.routeCount > 0 { config.flags |= WARRENS_HAS_ROUTES.rawValue }
        if state.early != nil { config.flags |= WARRENS_STRIPS_EARLY.rawValue }
        if let present = try maps.config.value(for: 0) {
            config.generation = present.generation
            if Bytes(present) == Bytes(config) { return }
        }
        try maps.config.set(config, for: 0)
    }

    // MARK: Looking

    /// What the programs have counted since they were first loaded: the counters outlive a `warrensd`.
    package func addCounters(to totals: inout CounterTotals) {
        for counter in KernelCounter.all {
            guard let value = try? maps.counters.total(counter.index)?.first else { continue }
            switch counter.meaning {
            case .traffic(let traffic): totals.add(value, to: traffic)
            case .drop(let reason): totals.add(value, to: reason)
            }
        }
    }

    /// What was carried for a peer; nil for one that is not known.
    package func traffic(of name: String) -> PeerTraffic? {
        let number = state.withLock { $0.peers.number(of: name) }
        guard let number, let entry = try? maps.traffic.value(for: number) else { return nil }
        var traffic = PeerTraffic()
        traffic.sentPackets = entry.sent_packets
        traffic.sentBytes = entry.sent_bytes
        traffic.receivedPackets = entry.received_packets
        traffic.receivedBytes = entry.received_bytes
        if entry.last_received > 0 { traffic.lastReceived = Int64(entry.last_received / 1_000_000_000) }
        return traffic
    }

    /// How it works, for people to read.
    package var summary: String {
        var parts = [probe.has(.tcx) ? "tcx" : "tc"]
        if options.fastPath { parts.append("fast path") }
        if options.framesPackets { parts.append("VXLAN-GPE") }
        return parts.joined(separator: ", ")
    }
}
