public import Addressing
internal import Glibc
public import Host
internal import NetlinkShim

/// A rule of policy routing: which packets look in which table (ip-rule(8)).
public struct RoutingRule: Hashable, Sendable {
    public var family: IPFamily
    /// Rules are asked in ascending order.
    public var priority: UInt32
    public var table: UInt32
    /// Applies to packets whose mark, masked, is this.
    public var mark: UInt32?
    public var markMask: UInt32
    /// Applies to the packets that do not match instead.
    public var isInverted: Bool
    public var inputInterface: String?
    public var outputInterface: String?
    /// Applies to packets from there or to there. Listed and compared; nil for any.
    public var source: IPPrefix?
    public var destination: IPPrefix?

    public init(
        family: IPFamily, priority: UInt32, table: UInt32, mark: UInt32? = nil, markMask: UInt32 = .max,
        isInverted: Bool = false, inputInterface: String? = nil, outputInterface: String? = nil,
        source: IPPrefix? = nil, destination: IPPrefix? = nil
    ) {
        self.family = family
        self.priority = priority
        self.table = table
        self.mark = mark
        self.markMask = markMask
        self.isInverted = isInverted
        self.inputInterface = inputInterface
        self.outputInterface = outputInterface
        self.source = source
        self.destination = destination
    }
}

extension RouteRequest {
    /// Makes a rule; EEXIST where there is the very same one.
    public static func addRule(_ rule: RoutingRule) -> RouteRequest {
        make("add rule", RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL, rule)
    }

    /// Removes a rule that has all properties of `rule`; ENOENT where there is none such.
    public static func deleteRule(_ rule: RoutingRule) -> RouteRequest {
        make("delete rule", RTM_DELRULE, 0, rule)
    }

    private static func make(_ operation: String, _ type: Int, _ flags: Int32, _ rule: RoutingRule) -> RouteRequest {
        let message = Message(type: UInt16(type), flags: flags)
        var header = fib_rule_hdr()
        header.family = rule.family.number
        header.table = rule.table < 256 ? UInt8(rule.table) : UInt8(RT_TABLE_UNSPEC.rawValue)
        header.action = UInt8(FR_ACT_TO_TBL)
        if rule.isInverted { header.flags |= UInt32(FIB_RULE_INVERT) }
        header.src_len = UInt8(rule.source?.length ?? 0)
        header.dst_len = UInt8(rule.destination?.length ?? 0)
        message.append(header)
        message.put(FRA_PRIORITY, rule.priority)
        message.put(FRA_TABLE, rule.table)
        if let mark = rule.mark {
            message.put(FRA_FWMARK, mark)
            message.put(FRA_FWMASK, rule.markMask)
        }
        if let name = rule.inputInterface { message.put(FRA_IIFNAME, text: name) }
        if let name = rule.outputInterface { message.put(FRA_OIFNAME, text: name) }
        if let source = rule.source { message.put(FRA_SRC, bytes: source.network.address.bytes) }
        if let destination = rule.destination { message.put(FRA_DST, bytes: destination.network.address.bytes) }
        return RouteRequest(operation, "\(rule.family) rule \(rule.priority) for table \(rule.table)", message)
    }
}

extension RouteSocket {
    /// The rules of both families or of one that lead to a table.
    public func rules(family: IPFamily? = nil) throws(SystemError) -> [RoutingRule] {
        var rules: [RoutingRule] = []
        for family in family.map({ [$0] }) ?? [.v4, .v6] {
            rules += try socket.dump {
                let message = Message(type: UInt16(RTM_GETRULE), flags: NLM_F_DUMP)
                var header = fib_rule_hdr()
                header.family = family.number
                message.append(header)
                // EAFNOSUPPORT: a kernel without IPv6, or without policy routing.
                return Request(
                    operation: "list", subject: "\(family) rules", message: message,
                    tolerated: [EAFNOSUPPORT, EOPNOTSUPP])
            } _: { reply -> RoutingRule? in
                RoutingRule(reply).flatMap { $0.family == family ? $0 : nil }
            }
        }
        return rules
    }
}

extension RoutingRule {
    init?(_ reply: Reply) {
        guard Int(reply.type) == RTM_NEWRULE, let header = reply.payload.header(fib_rule_hdr.self),
            Int(header.action) == Int(FR_ACT_TO_TBL), let family = IPFamily(number: header.family)
        else { return nil }
        self.init(
            family: family, priority: 0, table: UInt32(header.table),
            isInverted: header.flags & UInt32(FIB_RULE_INVERT) != 0)
        for (type, value) in reply.payload.attributes(after: MemoryLayout<fib_rule_hdr>.size) {
            switch type {
            case FRA_PRIORITY: priority = value.u32 ?? 0
            case FRA_TABLE: table = value.u32 ?? table
            case FRA_FWMARK: mark = value.u32
            case FRA_FWMASK: markMask = value.u32 ?? .max
            case FRA_IIFNAME: inputInterface = value.text
            case FRA_OIFNAME: outputInterface = value.text
            case FRA_SRC: source = value.address.flatMap { IPPrefix($0, length: Int(header.src_len)) }
            case FRA_DST: destination = value.address.flatMap { IPPrefix($0, length: Int(header.dst_len)) }
            default: break
            }
        }
        // A mask without a mark, as the kernel reports "mark 0 of mask 0", looks at nothing.
        if mark == 0, markMask == 0 { mark = nil }
    }
}
