import Addressing
internal import Host
internal import Netlink
internal import Overlay

/// Has `warrensd` receive and send by a port of its own while the kernel itself holds the tunnel's.
///
/// Its port is written into what comes in behind everybody else's packet filters, and the tunnel's into what it sends before
/// any of them, and before connection tracking: nobody but the two sockets gets to see it.
struct PortSharing: Equatable {
    private static let table = NftablesTable(.inet, KernelNames.firewallTable)
    private static let arriving = NftablesChain(
        table, "daemon_arriving", base: NftablesBase(.filter, hook: .input, priority: 300))
    private static let leaving = NftablesChain(
        table, "daemon_leaving", base: NftablesBase(.filter, hook: .output, priority: NftablesBase.rawPriority - 1))

    /// The tunnel's port.
    var port: UInt16
    /// The daemon's own.
    var localPort: UInt16

    /// Makes the chains so, in one transaction; where their rules bear the comments that they should, they are left alone.
    ///
    /// - Returns: True where something was changed.
    func reconcile(_ nftables: Nftables) throws(SystemError) -> Bool {
        let (arriving, leaving) = (arrivingRules, leavingRules)
        let wanted = (arriving + leaving).map(\.comment)
        if try Self.presentComments(nftables) == wanted { return false }
        try nftables.commit(
            [.addTable(Self.table)]
                + Self.chain(Self.arriving, arriving) + Self.chain(Self.leaving, leaving))
        return true
    }

    /// Takes the chains away.
    ///
    /// - Returns: True where there were any.
    static func remove(_ nftables: Nftables) throws(SystemError) -> Bool {
        let ours = try nftables.chains(in: table).filter { $0.name == arriving.name || $0.name == leaving.name }
        try nftables.commit(ours.flatMap { [.flushChain($0), .removeChain($0)] })
        return !ours.isEmpty
    }

    private static func presentComments(_ nftables: Nftables) throws(SystemError) -> [String] {
        let names = try nftables.chains(in: table).map(\.name)
        guard names.contains(arriving.name), names.contains(leaving.name) else { return [] }
        return try nftables.rules(in: arriving).map(\.comment) + nftables.rules(in: leaving).map(\.comment)
    }

    // MARK: Rules

    private struct Rule {
        let statements: [NftablesStatement]
        let comment: String
    }

    private static func chain(_ chain: NftablesChain, _ rules: [Rule]) -> [NftablesRequest] {
        [.addChain(chain), .flushChain(chain)]
            + rules.map { .appendRule(chain, $0.statements, comment: $0.comment) }
    }

    /// Where fields stand in the transport headers, in bytes.
    private enum Field {
        static let (udpSource, udpDestination, udpChecksum) = (0, 2, 6)
        static let (icmpType, icmpChecksum, icmpQuote) = (0, 2, 8)
        /// In the packet that an ICMP message quotes, without options: the protocol, and where its UDP header begins.
        static let quotedV4 = (protocol: 9, udp: 20)
        static let quotedV6 = (protocol: 6, udp: 40)
    }

    private static let (udp, icmpV4, icmpV6): (UInt8, UInt8, UInt8) = (17, 1, 58)

    private var arrivingRules: [Rule] {
        let toLocal = NftablesStatement.setTransportBytes(Field.udpDestination, Self.bytes(localPort), checksumAt: nil)
        let toTunnel: [NftablesStatement] = [
            .transportProtocol(Self.udp), .transportBytes(Field.udpDestination, Self.bytes(port)),
        ]
        return [
            Rule(
                statements: [
                    .transportProtocol(Self.udp), .transportBytes(Field.udpDestination, Self.bytes(localPort)), .drop,
                ], comment: "nobody sends to \(localPort)"),
            // What eBPF programs sent has none.
            Rule(
                statements: toTunnel + [.transportBytes(Field.udpChecksum, [0, 0]), toLocal],
                comment: "\(port) to \(localPort), without checksum"),
            Rule(
                statements: toTunnel + [
                    .setTransportBytes(
                        Field.udpDestination, Self.bytes(localPort), checksumAt: Field.udpChecksum)
                ], comment: "\(port) to \(localPort)"),
            // Unreachable, and in IPv4 too big.
            error(.v4, Self.icmpV4, type: 3, Field.quotedV4),
            error(.v6, Self.icmpV6, type: 1, Field.quotedV6),
            // Too big.
            error(.v6, Self.icmpV6, type: 2, Field.quotedV6),
        ]
    }

    /// An error about what was sent from the tunnel's port.
    private func error(
        _ family: IPFamily, _ number: UInt8, type: UInt8, _ quoted: (protocol: Int, udp: Int)
    ) -> Rule {
        let source = Field.icmpQuote + quoted.udp + Field.udpSource
        return Rule(
            statements: [
                .family(family), .transportProtocol(number), .transportBytes(Field.icmpType, [type]),
                .transportBytes(Field.icmpQuote + quoted.protocol, [Self.udp]),
                .transportBytes(source, Self.bytes(port)),
                .setTransportBytes(source, Self.bytes(localPort), checksumAt: Field.icmpChecksum),
            ], comment: "errors of \(family) type \(type)")
    }

    private var leavingRules: [Rule] {
        [
            Rule(
                statements: [
                    .mark(KernelNames.datagramMark), .transportProtocol(Self.udp),
                    .transportBytes(Field.udpSource, Self.bytes(localPort)),
                    .setTransportBytes(Field.udpSource, Self.bytes(port), checksumAt: Field.udpChecksum),
                ], comment: "\(localPort) to \(port)")
        ]
    }

    private static func bytes(_ port: UInt16) -> [UInt8] { [UInt8(port >> 8), UInt8(truncatingIfNeeded: port)] }
}
