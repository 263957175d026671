internal import Glibc
public import Host
public import Netlink

/// A program as a filter of traffic control, for kernels before 6.6: it hangs on a device's hooks, which are a queueing
/// discipline of the kind `clsact` or `ingress`.
///
/// It stays until it is detached or its device goes, whatever becomes of this process. Its name in the kernel tells
/// that it is ours, and whether the hooks were made for it: then they go with the last filter on them.
public struct TCFilter: Hook {
    /// By which it is known from one process to the next.
    public let name: String
    public let point: HookPoint
    /// Filters are asked in ascending order; one of ours is the only one of its priority.
    public let priority: UInt16

    /// The same number as the rule's that leads to the routes of the tunnel.
    public static let usualPriority: UInt16 = 3133
    /// `WARR` in ASCII.
    private static let handle: UInt32 = 0x5741_5252

    /// How the kernel's name of a filter of ours begins, on the hooks of somebody else and on ours.
    private static let mark = "warrens:"
    private static let markOnOwnHooks = "warrens+clsact:"

    /// Attaches `program` to a device in the calling thread's network namespace, or puts it in the place of one that
    /// was left there.
    ///
    /// - Parameters:
    ///   - name: At most 240 bytes.
    ///   - makesHooks: Whether a device without hooks gets some. The CNI plugin `bandwidth` then fails on it, if it
    ///     comes later.
    /// - Throws: ENOENT where the device has no hooks and is to get none; EBUSY where it has only those of the other
    ///   direction, or somebody else's filter has our number.
    public init(
        _ program: BPFProgram, named name: String, at point: HookPoint, priority: UInt16 = usualPriority,
        makesHooks: Bool
    ) throws(SystemError) {
        self.init(name, point, priority)
        let socket = try RouteSocket()
        let isOwn = try Self.prepareHooks(point, socket, makesHooks: makesHooks)
        do throws(SystemError) {
            if let present = try Self.filter(socket, point, priority), Self.name(of: present) == nil {
                throw SystemError("attach program", "to \(point)", code: EBUSY, detail: "a foreign filter is there")
            }
            try socket.perform(request(program, isOnOwnHooks: isOwn))
        } catch {
            try Self.removeHooksIfUnused(point.device, socket, areOwn: isOwn)
            throw error
        }
    }

    /// The one that was left at `point` by an earlier process; nil where there is none.
    public init?(presentAt point: HookPoint, priority: UInt16 = usualPriority) throws(SystemError) {
        guard let present = try Self.filter(RouteSocket(), point, priority), let name = Self.name(of: present) else {
            return nil
        }
        self.init(name, point, priority)
    }

    private init(_ name: String, _ point: HookPoint, _ priority: UInt16) {
        self.name = name
        self.point = point
        self.priority = priority
    }

    /// All filters of ours in the calling thread's network namespace.
    public static func present() throws(SystemError) -> [TCFilter] {
        let socket = try RouteSocket()
        var found: [TCFilter] = []
        for discipline in try socket.queueingDisciplines() {
            for filter in try socket.filters(of: discipline) where filter.handle == handle {
                guard let name = name(of: filter) else { continue }
                let point = HookPoint(device: filter.interfaceIndex, filter.direction)
                found.append(TCFilter(name, point, filter.priority))
            }
        }
        return found
    }

    public func programID() throws(SystemError) -> UInt32? {
        try own(RouteSocket())?.program?.id
    }

    public func replace(by program: BPFProgram) throws(SystemError) {
        let socket = try RouteSocket()
        guard let present = try own(socket) else {
            throw SystemError("replace program", "\(name) at \(point)", code: ENOENT)
        }
        try socket.perform(request(program, isOnOwnHooks: Self.isOnOwnHooks(present)))
    }

    public func detach() throws(SystemError) {
        let socket = try RouteSocket()
        guard let present = try own(socket) else { return }
        try socket.perform(.deleteFilter(present).toleratingAbsence())
        try Self.removeHooksIfUnused(point.device, socket, areOwn: Self.isOnOwnHooks(present))
    }

    // MARK: Our filter

    /// This one as it is in the kernel; nil where it is gone, or another one of ours took its place.
    private func own(_ socket: RouteSocket) throws(SystemError) -> TrafficFilter? {
        try Self.filter(socket, point, priority).flatMap { Self.name(of: $0) == name ? $0 : nil }
    }

    /// The filter with our number, whoever's it is.
    private static func filter(
        _ socket: RouteSocket, _ point: HookPoint, _ priority: UInt16
    ) throws(SystemError) -> TrafficFilter? {
        try socket.filters(on: point.device).first {
            $0.direction == point.direction && $0.priority == priority && $0.handle == handle && $0.chain == 0
        }
    }

    private func request(_ program: BPFProgram, isOnOwnHooks: Bool) -> RouteRequest {
        .replaceProgram(
            program.raw, name: (isOnOwnHooks ? Self.markOnOwnHooks : Self.mark) + name,
            on: point.device, point.direction, priority: priority, handle: Self.handle)
    }

    /// Nil for a filter that is not ours.
    private static func name(of filter: TrafficFilter) -> String? {
        guard let full = filter.program?.name else { return nil }
        for mark in [mark, markOnOwnHooks] where full.hasPrefix(mark) { return String(full.dropFirst(mark.count)) }
        return nil
    }

    /// Whether a filter is one of ours, of this process or an earlier one.
    public static func isOurs(_ filter: TrafficFilter) -> Bool {
        name(of: filter) != nil
    }

    private static func isOnOwnHooks(_ filter: TrafficFilter) -> Bool {
        filter.program?.name.hasPrefix(markOnOwnHooks) == true
    }

    // MARK: Hooks

    /// Sees to it that the device has hooks for this direction.
    ///
    /// - Returns: Whether they were made for a filter of ours, now or earlier.
    private static func prepareHooks(
        _ point: HookPoint, _ socket: RouteSocket, makesHooks: Bool
    ) throws(SystemError) -> Bool {
        guard let hooks = try socket.queueingDisciplines(on: point.device).first(where: { $0.parent == .hooks })
        else {
            if !makesHooks { throw SystemError("attach program", "to \(point)", code: ENOENT, detail: "no hooks") }
            try socket.perform(.addHooks(to: point.device))
            return true
        }
        // The kernel would take an egress filter there, and show it what comes in.
        if hooks.kind == "ingress", point.direction == .egress {
            throw SystemError(
                "attach program", "to \(point)", code: EBUSY, detail: "the device has hooks for ingress alone")
        }
        return try socket.filters(of: hooks).contains(where: isOnOwnHooks)
    }

    private static func removeHooksIfUnused(
        _ device: Int32, _ socket: RouteSocket, areOwn: Bool
    ) throws(SystemError) {
        guard areOwn, try socket.filters(on: device).isEmpty else { return }
        // EINVAL: somebody has put other hooks there since.
        try socket.perform(.deleteHooks(from: device).tolerating(EINVAL, ENOENT, ENODEV))
    }
}
