internal import BPFShim
internal import Netlink

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

    package init(
        port: UInt16, mark: UInt32, subnetLengthV4: Int, subnetLengthV6: Int, framesPackets: Bool = false,
        hashesSourcePorts: Bool = false, fastPath: Bool = false
    ) {
        self.port = port
        self.mark = mark
        self.subnetLengthV4 = subnetLengthV4
        self.subnetLengthV6 = subnetLengthV6
        self.framesPackets = framesPackets
        self.hashesSourcePorts = hashesSourcePorts
        self.fastPath = fastPath
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
        return config
    }

    /// Where programs belong.
    func places(_ surroundings: Surroundings) -> Set<HookPlace> {
        var places: Set = [HookPlace("tunnel", HookPoint(device: surroundings.tunnelDevice, .egress))]
        for uplink in surroundings.uplinks {
            let program = uplink.hasEthernetHeader ? "uplink" : "bare_uplink"
            places.insert(HookPlace(program, HookPoint(device: uplink.index, .ingress)))
        }
        if let idle = surroundings.idleDevice { places.insert(HookPlace("refuse", HookPoint(device: idle, .ingress))) }
        if let loop = surroundings.loop { places.insert(HookPlace("merged", HookPoint(device: loop.exit, .ingress))) }
        for pod in surroundings.pods where pod.isBypassable {
            if let bridge = pod.bridge { places.insert(HookPlace("bridge", HookPoint(device: bridge, .egress))) }
            guard fastPath else { continue }
            places.insert(HookPlace("pod", HookPoint(device: pod.device, .ingress)))
            places.insert(HookPlace("to_pod", HookPoint(device: pod.device, .egress)))
        }
        return places
    }
}
