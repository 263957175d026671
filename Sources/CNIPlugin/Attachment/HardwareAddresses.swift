internal import Addressing
internal import CNI

extension Attachment {
    /// The pod's hardware address where nobody asked for another.
    var podMAC: MACAddress { MACAddress(locallyAdministered: key) }

    /// The hardware address of the host's end, which no frame carries.
    var hostMAC: MACAddress { MACAddress(locallyAdministered: ~key) }
}
