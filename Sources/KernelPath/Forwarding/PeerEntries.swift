internal import Addressing
internal import BPFShim
internal import PacketPath

/// What one peer is in the maps.
struct PeerEntries {
    /// The lengths, in the mapped form, of the subnets that have a hash table of their own.
    struct SubnetLengths: Hashable, Sendable {
        var v4: Int
        var v6: Int

        func isUsual(_ prefix: IPPrefix) -> Bool { prefix.mappedLength == (prefix.family == .v4 ? v4 : v6) }
    }

    var subnets: [warrens_address] = []
    var oddSubnets: [warrens_prefix] = []
    var routes: [warrens_prefix] = []
    var nodes: [warrens_address] = []
    var sources: [warrens_source] = []
    var endpoints: [warrens_endpoint] = []

    init(_ peer: ForwardingPlan.Peer, number: UInt32, _ lengths: SubnetLengths) {
        subnets = peer.subnets.filter(lengths.isUsual).map { warrens_address($0.first) }
        oddSubnets = peer.subnets.filter { !lengths.isUsual($0) }.map(warrens_prefix.init)
        routes = peer.routes.map(warrens_prefix.init)
        nodes = peer.nodeAddresses.map { warrens_address($0) }
        sources = (peer.outerSources ?? []).filter { $0 != peer.endpoint?.address }.map {
            warrens_source(peer: number, address: warrens_address($0))
        }
        endpoints = ((peer.endpoint.map { [$0] } ?? []) + peer.furtherEndpoints).map {
            warrens_endpoint(address: warrens_address($0.address), port: $0.port.bigEndian, reserved: 0)
        }
    }
}

extension warrens_peer {
    /// - Parameters:
    ///   - mtu: The longest outer datagram that the path carries now, IP header included, in bytes.
    ///   - uplink: By which datagrams leave; nil where there is none, and so the peer not reachable from here.
    init(_ peer: ForwardingPlan.Peer, mtu: Int, _ uplink: Surroundings.Uplink?) {
        self.init()
        var flags = 0
        if peer.outerSources != nil { flags |= Int(WARRENS_PEER_CHECKS_SOURCE.rawValue) }
        if peer.defersChecksums { flags |= Int(WARRENS_PEER_DEFERS_CHECKSUMS.rawValue) }
        if let endpoint = peer.endpoint {
            // Also where nothing can be sent from here: it identifies the sender.
            self.endpoint = warrens_address(endpoint.address)
            port = endpoint.port.bigEndian
            flags |= Int(WARRENS_PEER_HAS_ENDPOINT.rawValue)
            if endpoint.address.family == .v6 { flags |= Int(WARRENS_PEER_OVER_IPV6.rawValue) }
        }
        // The kernel's programs send over IPv6 without a UDP checksum, which only some take.
        if let endpoint = peer.endpoint, let nextHop = peer.nextHop, let uplink, !peer.defersChecksums,
            endpoint.address.family == .v4 || peer.acceptsZeroChecksum6
        {
            flags |= Int(WARRENS_PEER_REACHABLE.rawValue)
            source = warrens_address(nextHop.source)
            device = UInt32(bitPattern: uplink.index)
            self.mtu = UInt32(clamping: mtu)
            if uplink.hasEthernetHeader { flags |= Int(WARRENS_PEER_ETHERNET.rawValue) }
        }
        self.flags = UInt16(flags)
    }
}
