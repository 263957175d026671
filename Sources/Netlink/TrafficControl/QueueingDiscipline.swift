internal import Glibc
public import Host
internal import NetlinkShim

/// A queueing discipline: what decides which packet a device sends next, and when (tc(8)).
public struct QueueingDiscipline: Hashable, Sendable {
    /// The device.
    public var interfaceIndex: Int32
    /// `noqueue`, `tbf`, `clsact`, …
    public var kind: String
    /// Its number on the device: the major part in the upper 16 bits, the lower ones zero. All zero for one that the
    /// kernel made by itself.
    public var handle: UInt32
    public var parent: Parent

    /// What a queueing discipline hangs on.
    public enum Parent: Hashable, Sendable {
        /// The device: it orders all that is sent.
        case root
        /// The device's hooks: it holds filters, and no packets (`clsact`, `ingress`).
        case hooks
        /// A class of another discipline, by major (upper 16 bits) and minor number.
        case classNumber(UInt32)
    }

    /// True where it may delay or drop packets by rate, or where that is not known. Whoever goes past the device's queue
    /// must then not do so.
    ///
    /// Harmless are the kinds that hold a packet for as long as the device is busy, which a veth never is, and no longer:
    /// the plain queues, those which only share a queue fairly or keep it short, and the two that hold filters alone.
    /// `fq` is not among them: it paces. Nor is any kind unknown here, for somebody has put it there for a purpose.
    public var shapes: Bool { !Self.harmless.contains(kind) }

    private static let harmless: Set = [
        "noqueue", "pfifo", "bfifo", "pfifo_fast", "mq", "sfq", "codel", "fq_codel", "clsact", "ingress",
    ]
}

extension RouteSocket {
    /// The queueing disciplines of all devices, or of one: that of its root, those of its classes, and that of its hooks.
    public func queueingDisciplines(on index: Int32? = nil) throws(SystemError) -> [QueueingDiscipline] {
        let all = try socket.dump {
            let message = Message(type: UInt16(RTM_GETQDISC), flags: NLM_F_DUMP)
            message.append(tcmsg())
            // EOPNOTSUPP: a kernel without traffic control.
            return Request(
                operation: "list", subject: "queueing disciplines", message: message, tolerated: [EOPNOTSUPP])
        } _: {
            QueueingDiscipline($0)
        }
        // The kernel always gives those of all devices.
        return index == nil ? all : all.filter { $0.interfaceIndex == index }
    }
}

extension RouteRequest {
    /// Gives a device hooks for filters, both ways (`tc qdisc add dev … clsact`). EEXIST where it has some already, be it
    /// of the kind `ingress`, which has one way only.
    public static func addHooks(to index: Int32) -> RouteRequest {
        makeHooks("add hooks", RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL, index)
    }

    /// Takes them away, and all filters with them, whoever made those. ENOENT where there are none, EINVAL where they are
    /// of the kind `ingress`, which is not ours.
    public static func deleteHooks(from index: Int32) -> RouteRequest {
        makeHooks("delete hooks", RTM_DELQDISC, 0, index)
    }

    private static func makeHooks(_ operation: String, _ type: Int, _ flags: Int32, _ index: Int32) -> RouteRequest {
        let message = Message(type: UInt16(type), flags: flags)
        var header = tcmsg()
        header.tcm_ifindex = index
        header.tcm_handle = TrafficHandle.hooks
        header.tcm_parent = TC_H_CLSACT
        message.append(header)
        message.put(TCA_KIND, text: QueueingDiscipline.hooksKind)
        return RouteRequest(operation, "of index \(index)", message)
    }
}

/// Numbers by which traffic control names its objects (linux/pkt_sched.h).
enum TrafficHandle {
    /// Of whatever hangs on the hooks, `ffff:`.
    static let hooks = TC_H_CLSACT & 0xffff_0000
}

extension QueueingDiscipline {
    static let hooksKind = "clsact"

    init?(_ reply: Reply) {
        guard Int(reply.type) == RTM_NEWQDISC, let header = reply.payload.header(tcmsg.self),
            let kind = reply.payload.attributes(after: MemoryLayout<tcmsg>.size).first(TCA_KIND)
        else { return nil }
        let parent: Parent
        switch header.tcm_parent {
        case TC_H_ROOT: parent = .root
        case TC_H_CLSACT: parent = .hooks
        default: parent = .classNumber(header.tcm_parent)
        }
        self.init(interfaceIndex: header.tcm_ifindex, kind: kind.text, handle: header.tcm_handle, parent: parent)
    }
}
