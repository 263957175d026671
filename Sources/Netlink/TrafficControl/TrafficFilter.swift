internal import Glibc
public import Host
internal import NetlinkShim

/// Which packets of a device a hook sees.
public enum TrafficDirection: Hashable, Sendable, CaseIterable {
    /// Those that come in by it; on the host's end of a pod's veth pair, what the pod has sent.
    case ingress
    /// Those that leave by it.
    case egress

    fileprivate var parent: UInt32 {
        TrafficHandle.hooks | (self == .ingress ? TC_H_MIN_INGRESS : TC_H_MIN_EGRESS)
    }
}

/// A filter at a device's hooks (tc(8)). Programs that hang on the device by tcx (Linux 6.6) are none and are not listed
/// among them.
public struct TrafficFilter: Hashable, Sendable {
    /// The device.
    public var interfaceIndex: Int32
    public var direction: TrafficDirection
    /// What decides: `bpf`, `u32`, `matchall`, …
    public var kind: String
    /// Filters are asked in ascending order.
    public var priority: UInt16
    /// Tells it from others of its priority.
    public var handle: UInt32
    /// The EtherType of the packets that it sees (`ETH_P_…`, host byte order); 3 for all.
    public var etherType: UInt16
    /// Filters are in chain 0 unless another one leads to theirs.
    public var chain: UInt32
    /// For filters of the kind `bpf`.
    public var program: Program?

    /// What a BPF filter tells of its program.
    public struct Program: Hashable, Sendable {
        /// As its loader has called it, which is not the kernel's name of the program.
        public var name: String
        /// The kernel's number of the program; nil for one in classic BPF.
        public var id: UInt32?
        /// A digest of its instructions, eight bytes; empty for one in classic BPF.
        public var tag: [UInt8]
        /// Its result is the verdict, with no action behind it.
        public var isDirect: Bool
    }
}

extension RouteSocket {
    /// The filters at the hooks of a device; none where it has no hooks, or is not there.
    public func filters(on index: Int32) throws(SystemError) -> [TrafficFilter] {
        var filters: [TrafficFilter] = []
        for discipline in try queueingDisciplines(on: index) { filters += try self.filters(of: discipline) }
        return filters
    }

    /// The filters of a queueing discipline that holds nothing else; none for another one.
    public func filters(of discipline: QueueingDiscipline) throws(SystemError) -> [TrafficFilter] {
        guard discipline.parent == .hooks else { return [] }
        var filters = try self.filters(on: discipline.interfaceIndex, .ingress)
        // The kind `ingress` would answer with the same ones again.
        if discipline.kind == QueueingDiscipline.hooksKind {
            filters += try self.filters(on: discipline.interfaceIndex, .egress)
        }
        return filters
    }

    private func filters(on index: Int32, _ direction: TrafficDirection) throws(SystemError) -> [TrafficFilter] {
        try socket.dump {
            let message = Message(type: UInt16(RTM_GETTFILTER), flags: NLM_F_DUMP)
            var header = tcmsg()
            header.tcm_ifindex = index
            header.tcm_parent = direction.parent
            message.append(header)
            // EINVAL: the hooks are gone by now.
            return Request(
                operation: "list", subject: "\(direction) filters of index \(index)", message: message,
                tolerated: [ENODEV, EINVAL])
        } _: {
            TrafficFilter($0, direction)
        }
    }
}

extension RouteRequest {
    /// Hangs a BPF program on a hook, in the place of the filter of that direction, priority and handle where there is
    /// one: no packet goes past both (`tc filter replace … bpf direct-action`).
    ///
    /// - Parameters:
    ///   - descriptor: The loaded program's, open until the request was sent.
    ///   - name: What ``TrafficFilter/Program/name`` is to say.
    ///   - priority: Not zero, which would make it a new filter each time.
    /// - Throws: When it is carried out: EINVAL where the device has no hooks.
    public static func replaceProgram(
        _ descriptor: Int32, name: String, on index: Int32, _ direction: TrafficDirection, priority: UInt16,
        handle: UInt32 = 1
    ) -> RouteRequest {
        let place = TrafficFilter(
            interfaceIndex: index, direction: direction, kind: TrafficFilter.programKind, priority: priority,
            handle: handle, etherType: UInt16(ETH_P_ALL), chain: 0)
        let message = Message(type: UInt16(RTM_NEWTFILTER), flags: NLM_F_CREATE)
        message.append(place.header)
        message.put(TCA_KIND, text: place.kind)
        message.nest(TCA_OPTIONS) {
            message.put(TCA_BPF_FD, descriptor)
            message.put(TCA_BPF_NAME, text: name)
            message.put(TCA_BPF_FLAGS, UInt32(TCA_BPF_FLAG_ACT_DIRECT))
        }
        return RouteRequest("attach program", "\(name) to \(direction) of index \(index)", message)
    }

    /// Deletes a filter as it was listed; ENOENT where it is gone.
    public static func deleteFilter(_ filter: TrafficFilter) -> RouteRequest {
        let message = Message(type: UInt16(RTM_DELTFILTER))
        message.append(filter.header)
        message.put(TCA_KIND, text: filter.kind)
        if filter.chain != 0 { message.put(TCA_CHAIN, filter.chain) }
        return RouteRequest(
            "delete filter",
            "\(filter.kind) \(filter.priority) at \(filter.direction) of index \(filter.interfaceIndex)",
            message)
    }
}

extension TrafficFilter {
    fileprivate static let programKind = "bpf"

    fileprivate var header: tcmsg {
        var header = tcmsg()
        header.tcm_ifindex = interfaceIndex
        header.tcm_handle = handle
        header.tcm_parent = direction.parent
        header.tcm_info = UInt32(priority) << 16 | UInt32(etherType.bigEndian)
        return header
    }

    /// Among the filters of the kind `u32`, the kernel lists the hash tables in which they are.
    private static func isHashTable(_ kind: String, _ handle: UInt32) -> Bool {
        kind == "u32" && handle & 0xfff == 0
    }

    init?(_ reply: Reply, _ direction: TrafficDirection) {
        // Before the filters of a priority, the kernel lists the priority itself, with no handle.
        guard Int(reply.type) == RTM_NEWTFILTER, let header = reply.payload.header(tcmsg.self), header.tcm_handle != 0
        else { return nil }
        let attributes = reply.payload.attributes(after: MemoryLayout<tcmsg>.size)
        guard let kind = attributes.first(TCA_KIND)?.text, !Self.isHashTable(kind, header.tcm_handle) else {
            return nil
        }
        self.init(
            interfaceIndex: header.tcm_ifindex, direction: direction, kind: kind,
            priority: UInt16(header.tcm_info >> 16), handle: header.tcm_handle,
            etherType: UInt16(bigEndian: UInt16(truncatingIfNeeded: header.tcm_info)),
            chain: attributes.first(TCA_CHAIN)?.u32 ?? 0)
        if kind == Self.programKind, let options = attributes.first(TCA_OPTIONS)?.attributes() {
            program = Program(
                name: options.first(TCA_BPF_NAME)?.text ?? "", id: options.first(TCA_BPF_ID)?.u32,
                tag: Array(options.first(TCA_BPF_TAG)?.bytes ?? []),
                isDirect: (options.first(TCA_BPF_FLAGS)?.u32 ?? 0) & UInt32(TCA_BPF_FLAG_ACT_DIRECT) != 0)
        }
    }
}
