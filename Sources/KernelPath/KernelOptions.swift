internal import BPFShim

/// What does not change while a kernel path runs.
package struct KernelOptions: Sendable, Equatable {
    /// The overlay's UDP port.
    package var port: UInt16
    /// The mark of outer datagrams.
    package var mark: UInt32
    /// The lengths of the subnets that nodes usually have.
    package var subnetLengthV4: Int
    package var subnetLengthV6: Int
    /// VXLAN-GPE framing instead of bare packets.
    package var framesPackets: Bool
    /// Source ports follow from the flow.
    package var hashesSourcePorts: Bool
    /// Flows that the host lets pass untranslated skip its stack.
    package var fastPath: Bool
    /// This kernel can strip outer headers of the other family.
    package var crossesFamilies: Bool

    package init(
        port: UInt16, mark: UInt32, subnetLengthV4: Int, subnetLengthV6: Int, framesPackets: Bool = false,
        hashesSourcePorts: Bool = false, fastPath: Bool = false, crossesFamilies: Bool = true
    ) {
        self.port = port
        self.mark = mark
        self.subnetLengthV4 = subnetLengthV4
        self.subnetLengthV6 = subnetLengthV6
        self.framesPackets = framesPackets
        self.hashesSourcePorts = hashesSourcePorts
        self.fastPath = fastPath
        self.crossesFamilies = crossesFamilies
    }

    var subnetLengths: PeerEntries.SubnetLengths { .init(v4: 96 + subnetLengthV4, v6: subnetLengthV6) }

    /// The part of the programs' configuration that follows from this alone.
    var config: warrens_config {
        var config = warrens_config()
        config.mark = mark
        config.port = port.bigEndian
        config.subnet_length_v4 = UInt8(clamping: 96 + subnetLengthV4)
        config.subnet_length_v6 = UInt8(clamping: subnetLengthV6)
        if framesPackets { config.flags |= WARRENS_FRAMING_GPE.rawValue }
        if hashesSourcePorts { config.flags |= WARRENS_HASHED_PORTS.rawValue }
        if fastPath { config.flags |= WARRENS_FAST_PATH.rawValue }
        if crossesFamilies { config.flags |= WARRENS_CROSSES_FAMILIES.rawValue }
        return config
    }

    /// Where programs belong.
    func places(_ surroundings: Surroundings) -> Set<HookPlace> {
        func point(_ device: Int32, _ direction: HookPoint.Direction) -> HookPoint {
            HookPoint(device: UInt32(bitPattern: device), direction)
        }
        var places: Set = [HookPlace("tunnel", point(surroundings.tunnelDevice, .egress))]
        for uplink in surroundings.uplinks {
            places.insert(HookPlace(uplink.mac == nil ? "bare_uplink" : "uplink", point(uplink.index, .ingress)))
        }
        if let loop = surroundings.loop { places.insert(HookPlace("merged", point(loop.exit, .ingress))) }
        guard fastPath else { return places }
        for pod in surroundings.pods where pod.isBypassable {
            places.insert(HookPlace("pod", point(pod.device, .ingress)))
            places.insert(HookPlace("to_pod", point(pod.device, .egress)))
        }
        return places
    }
}
