package import Addressing
internal import BPFShim
internal import PacketPath

/// What stands around the kernel path on this node, as of one moment.
package struct Surroundings: Sendable, Equatable {
    /// A device by which other nodes are reached.
    package struct Uplink: Sendable, Equatable {
        package var index: Int32
        package var hasEthernetHeader: Bool

        package init(index: Int32, hasEthernetHeader: Bool) {
            self.index = index
            self.hasEthernetHeader = hasEthernetHeader
        }
    }

    /// A pod's end of the overlay on this node.
    package struct Pod: Sendable, Equatable {
        /// The host's end of the veth pair, and its MAC address.
        package var device: Int32
        package var hostMAC: MACAddress
        /// The bridge whose port it is.
        package var bridge: Int32?
        /// The MAC address of the pod's end.
        package var mac: MACAddress
        package var addresses: [IPAddress]
        /// False where the host's end shapes traffic, or somebody else filters there: then nothing skips the stack.
        package var isBypassable: Bool

        package init(
            device: Int32, hostMAC: MACAddress, bridge: Int32?, mac: MACAddress, addresses: [IPAddress],
            isBypassable: Bool
        ) {
            self.device = device
            self.hostMAC = hostMAC
            self.bridge = bridge
            self.mac = mac
            self.addresses = addresses
            self.isBypassable = isBypassable
        }
    }

    /// A pair of veths through which received packets go to be merged (generic receive offload).
    package struct Loop: Sendable, Equatable {
        /// Where packets go in, and where they come out.
        package var entry: Int32
        package var exit: Int32
        /// The MAC address of the exit.
        package var mac: MACAddress

        package init(entry: Int32, exit: Int32, mac: MACAddress) {
            self.entry = entry
            self.exit = exit
            self.mac = mac
        }
    }

    package var tunnelDevice: Int32
    package var uplinks: [Uplink]
    /// Nil where received packets are delivered as they come.
    package var loop: Loop?
    /// A device that is there for the kernel to merge what it could receive: it must not receive anything.
    package var idleDevice: Int32?
    /// Whether the uplinks' drivers are to take outer headers off, as far as they can.
    package var stripsEarly: Bool
    package var pods: [Pod]
    /// Addresses of the overlay that are the host's own.
    package var hostAddresses: [IPAddress]
    /// The longest outer datagrams that the network has reported to pass, by destination, in bytes.
    package var learnedMTUs: [IPAddress: Int]

    package init(
        tunnelDevice: Int32, uplinks: [Uplink] = [], loop: Loop? = nil, idleDevice: Int32? = nil,
        stripsEarly: Bool = false,
        pods: [Pod] = [],
        hostAddresses: [IPAddress] = [],
        learnedMTUs: [IPAddress: Int] = [:]
    ) {
        self.tunnelDevice = tunnelDevice
        self.uplinks = uplinks
        self.loop = loop
        self.idleDevice = idleDevice
        self.stripsEarly = stripsEarly
        self.pods = pods
        self.hostAddresses = hostAddresses
        self.learnedMTUs = learnedMTUs
    }

    /// Where drivers are to run a program.
    var earlyDevices: Set<Int32> {
        stripsEarly ? Set(uplinks.filter(\.hasEthernetHeader).map(\.index)) : []
    }

    var ways: PeerMaps.Ways {
        PeerMaps.Ways(
            uplink: { index in uplinks.first { $0.index == index } },
            learnedMTU: { learnedMTUs[$0] })
    }

    var locals: [Bytes<warrens_address>: warrens_local] {
        var locals: [Bytes<warrens_address>: warrens_local] = [:]
        for address in hostAddresses {
            var local = warrens_local()
            local.flags = WARRENS_LOCAL_HOST.rawValue
            locals[Bytes(warrens_address(address))] = local
        }
        for pod in pods {
            let local = warrens_local(
                device: UInt32(bitPattern: pod.device), pod_mac: pod.mac.tuple, host_mac: pod.hostMAC.tuple,
                flags: pod.isBypassable ? WARRENS_LOCAL_BYPASSABLE.rawValue : 0)
            for address in pod.addresses { locals[Bytes(warrens_address(address))] = local }
        }
        return locals
    }
}
