internal import Host
internal import KernelPath
internal import Netlink

/// One way to have received datagrams merged before the kernel path delivers them: one large packet costs hardly more than
/// a small one.
///
/// Making one is the probe: it throws where this host cannot do it.
protocol MergingWay {
    /// For people to read, behind "receive aggregation by".
    var name: String { get }
    /// For programs to read: as the setting `aggregation` says it, where that can ask for it.
    var label: String { get }
    /// Whether the kernel itself holds the tunnel's port for it, so that `warrensd` has to receive on another one.
    var holdsPort: Bool { get }

    /// Makes what packets pass on their way.
    ///
    /// - Parameter uplinks: The devices by which other nodes are reached.
    func prepare(_ uplinks: [Link]) throws(SystemError) -> MergingParts

    /// Has the kernel begin: the programs stand that keep from it what it must not have.
    func start() throws(SystemError)

    /// Takes away what ``prepare(_:)`` and ``start()`` have made, in this process or an earlier one.
    func remove() throws(SystemError)
}

extension MergingWay {
    var holdsPort: Bool { false }
    func start() {}
    func remove() {}
}

/// What the kernel path has to know of a way. Nothing where nothing is merged.
struct MergingParts: Equatable {
    var loop: Surroundings.Loop?
    var idleDevice: Int32?
    var stripsEarly = false
}
