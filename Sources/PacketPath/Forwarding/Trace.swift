internal import Addressing
internal import Overlay

extension ForwardingDirectory {
    /// What the tables in force make of a packet, by the same decision that real packets meet.
    ///
    /// - Parameter now: Seconds of the monotonic clock.
    func trace(_ packet: TrialPacket, _ framing: Settings.Framing, now: Int64) -> TraceReport {
        var report = TraceReport(
            datapath: "tun", framing: framing.rawValue, sourcePort: nil, verdict: decide(packet, framing, now: now))
        guard let number = carrier(of: AddressKey(packet.destination)), let peer = peer(numbered: number) else {
            return report
        }
        let prefixes = peer.subnets.map { ($0, false) } + peer.routes.map { ($0, true) }
        let around = prefixes.filter { $0.0.contains(packet.destination) }.max { $0.0.length < $1.0.length }
        report.peer = around.map { TraceReport.Peer(name: peer.name, prefix: $0, isRoute: $1) }
        report.path = peer.endpoint.map { endpoint in
            TraceReport.Path(
                endpoint: endpoint, source: peer.nextHop?.source, device: peer.nextHop?.interfaceIndex,
                gateway: peer.nextHop?.gateway, routeMTU: peer.routeMTU, mtu: table.peer(number).mtu(now: now),
                overhead: WireFormat.overhead(endpoint.address.family, framing))
        }
        return report
    }

    /// The number of the peer that packets to an address go to.
    private func carrier(of destination: AddressKey) -> Int? {
        let owner = table.subnets.find(destination)
        if owner >= 0 { return owner }
        let router = table.routes.find(destination)
        return router < 0 ? nil : router
    }

    private func decide(_ packet: TrialPacket, _ framing: Settings.Framing, now: Int64) -> TraceReport.Verdict {
        let memory = PacketMemory(bytes: PacketMemory.longestFrame)
        guard let inner = InnerPacket(packet, in: memory.view) else {
            return TraceReport.Verdict(.drop, reason: DropReason.malformed.name)
        }
        switch Outbound.decide(inner, longest: packet.longest, framing: framing.headerLength, table, now: now) {
        case .send(_, _, let mayFragment): return TraceReport.Verdict(mayFragment ? .fragment : .send)
        case .split(_, _, let mtu): return TraceReport.Verdict(.split, mtu: mtu)
        case .reject(let reason, .tooBig(let mtu)):
            return TraceReport.Verdict(.reject, reason: reason.name, mtu: mtu)
        case .reject(let reason, _): return TraceReport.Verdict(.reject, reason: reason.name)
        case .drop(let reason): return TraceReport.Verdict(.drop, reason: reason.name)
        }
    }
}

extension InnerPacket {
    /// The header fields of a packet that is only asked about; its payload is whatever the memory holds.
    fileprivate init?(_ packet: TrialPacket, in memory: PacketView) {
        let isV4 = packet.source.family == .v4
        let headerLength = isV4 ? 20 : 40
        guard (headerLength...65535).contains(packet.length) else { return nil }
        let bytes = memory.prefix(packet.length)
        bytes.clear(0, headerLength)
        let (source, destination) = (packet.source.bytes, packet.destination.bytes)
        if isV4 {
            bytes[0] = 0x45
            bytes.store(UInt16(packet.length), at: 2)
            bytes[6] = packet.mayBeFragmented ? 0 : 0x40
            bytes[9] = packet.protocolNumber
        } else {
            bytes[0] = 0x60
            bytes.store(UInt16(packet.length - headerLength), at: 4)
            bytes[6] = packet.protocolNumber
        }
        let addresses = isV4 ? 12 : 8
        for (offset, byte) in (source + destination).enumerated() { bytes[addresses + offset] = byte }
        if packet.length >= headerLength + 4 {
            bytes.store(packet.sourcePort ?? 0, at: headerLength)
            bytes.store(packet.destinationPort ?? 0, at: headerLength + 2)
        }
        self.init(bytes)
    }
}
