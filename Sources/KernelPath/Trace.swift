internal import Addressing
internal import BPFShim
internal import Host
package import Overlay
package import PacketPath

extension KernelPath {
    /// What the programs would do with a packet that the host routes into the tunnel device. Nothing is sent or counted.
    ///
    /// - Parameters:
    ///   - peer: What the plan says of the node that the packet goes to; nil where none claims it.
    ///   - overhead: The length of the outer headers, in bytes.
    package func trace(_ packet: TrialPacket, to peer: ForwardingPlan.Peer?, overhead: Int) -> TraceReport.Kernel {
        let program = programs.first { $0.name == "tunnel" }?.number
        do throws(SystemError) {
            var kernel = try MapTrace(maps: maps, options: options).trace(packet, to: peer, overhead: overhead)
            kernel.program = program
            if program == nil { kernel.obstacle = "the program \"tunnel\" is gone from its hook" }
            return kernel
        } catch {
            return TraceReport.Kernel(program: program, obstacle: "its maps cannot be read: \(error)")
        }
    }
}

/// The steps of the programs `tunnel` and `pod` (tunnel.bpf.c) for one packet, by what the maps hold at this moment.
struct MapTrace {
    let maps: DatapathMaps
    let options: KernelOptions

    func trace(
        _ packet: TrialPacket, to peer: ForwardingPlan.Peer?, overhead: Int
    ) throws(SystemError) -> TraceReport.Kernel {
        let record = try carrier(of: packet.destination).flatMap { number throws(SystemError) in
            try maps.peers.value(for: number)
        }
        return TraceReport.Kernel(
            program: nil, obstacle: try obstacle(packet, peer, record, overhead: overhead),
            shortCut: options.fastPath ? try shortCut(packet) : nil)
    }

    // MARK: The program tunnel

    private func carrier(of destination: IPAddress) throws(SystemError) -> UInt32? {
        let length = destination.family == .v4 ? options.subnetLengthV4 : options.subnetLengthV6
        let subnet = IPPrefix(destination, length: length)?.first ?? destination
        if let number = try maps.subnets.value(for: warrens_address(subnet)) { return number }
        let key = warrens_prefix(length: 128, address: warrens_address(destination))
        if let number = try maps.oddSubnets.value(for: key) { return number }
        return try maps.routes.value(for: key)
    }

    private func obstacle(
        _ packet: TrialPacket, _ peer: ForwardingPlan.Peer?, _ record: warrens_peer?, overhead: Int
    ) throws(SystemError) -> String? {
        guard let record, let peer else { return "no node claims the destination: the daemon tells the sender" }
        if packet.protocolNumber == Self.udp, let port = packet.destinationPort,
            try maps.endpoints.value(
                for: warrens_endpoint(
                    address: warrens_address(packet.destination), port: port.bigEndian, reserved: 0)) != nil
        {
            return "it goes to an endpoint: it would be a tunnel in the tunnel"
        }
        guard record.has(WARRENS_PEER_REACHABLE) else { return Self.unreachable(peer) }
        return Self.misfit(packet, pathMTU: Int(record.mtu), overhead: overhead)
    }

    private static func unreachable(_ peer: ForwardingPlan.Peer) -> String {
        guard let endpoint = peer.endpoint else { return "there is no way to the node" }
        if peer.defersChecksums { return "both nodes leave checksums partial, which takes the daemon" }
        if endpoint.address.family == .v6, !peer.acceptsZeroChecksum6 {
            return "over IPv6 programs send without a UDP checksum, and the node does not announce zero-checksum6"
        }
        return peer.nextHop == nil
            ? "the route to the endpoint names no source"
            : "the device towards the endpoint is none of the uplinks"
    }

    /// As `fits` in send.h.
    private static func misfit(_ packet: TrialPacket, pathMTU: Int, overhead: Int) -> String? {
        if packet.length + overhead > 65535 { return "with outer headers it would be longer than 65535 bytes" }
        if packet.segmentLength != nil, ![tcp, udp].contains(packet.protocolNumber) {
            return "it is a super-packet of neither TCP nor UDP"
        }
        let length = packet.longest + overhead
        return length <= pathMTU ? nil : "its datagram has \(length) bytes, where the path carries \(pathMTU)"
    }

    // MARK: The program pod

    private static let (icmp, tcp, udp): (UInt8, UInt8, UInt8) = (1, 6, 17)

    private func shortCut(_ packet: TrialPacket) throws(SystemError) -> TraceReport.ShortCut {
        guard let local = try maps.locals.value(for: warrens_address(packet.source)) else {
            return TraceReport.ShortCut(obstacle: "the programs do not know the pod")
        }
        guard local.flags & WARRENS_LOCAL_BYPASSABLE.rawValue != 0 else {
            return TraceReport.ShortCut(obstacle: "somebody shapes or filters at the host's end of the pod")
        }
        guard [Self.tcp, Self.udp].contains(packet.protocolNumber) else {
            return TraceReport.ShortCut(obstacle: "it is neither TCP nor UDP")
        }
        guard let podPort = packet.sourcePort, let remotePort = packet.destinationPort else {
            return TraceReport.ShortCut(obstacle: "its flow is not known without both ports")
        }
        let flow = warrens_flow(
            pod: warrens_address(packet.source), remote: warrens_address(packet.destination),
            pod_port: podPort.bigEndian, remote_port: remotePort.bigEndian, protocol: UInt32(packet.protocolNumber))
        let bits = try seen(maps.flows.value(for: flow))
        let missing = Self.stages.filter { bits & $0.bit.rawValue == 0 }.map(\.name)
        return TraceReport.ShortCut(
            obstacle: missing.isEmpty
                ? nil : "the flow has not been seen \(missing.joined(separator: ", ")) of late",
            seen: Self.stages.filter { bits & $0.bit.rawValue != 0 }.map(\.name))
    }

    /// What still counts of it, as in `enters_stack` (flow.h): bits of `warrens_flow_seen`.
    private func seen(_ evidence: warrens_evidence?) throws(SystemError) -> UInt32 {
        guard let evidence, let config = try maps.config.value(for: 0) else { return 0 }
        let now = UInt64(clamping: monotonicNanoseconds())
        let isFresh = now &- evidence.since < WARRENS_EVIDENCE_LIFETIME
        return isFresh && evidence.since > config.evidence_since ? evidence.seen : 0
    }

    private static let stages = [
        (bit: WARRENS_SEEN_FROM_POD, name: "from the pod"), (bit: WARRENS_SEEN_TO_TUNNEL, name: "into the tunnel"),
        (bit: WARRENS_SEEN_FROM_UPLINK, name: "from the uplink"), (bit: WARRENS_SEEN_TO_POD, name: "to the pod"),
    ]
}

extension warrens_peer {
    fileprivate func has(_ flag: warrens_peer_flag) -> Bool { UInt32(flags) & flag.rawValue != 0 }
}
