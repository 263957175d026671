internal import Addressing
internal import CNI
internal import Overlay

/// Names that follow from (container id, interface name) alone, so that DEL and GC find an attachment's parts when its
/// namespace, record and configuration are gone.
struct AttachmentKey: Hashable {
    let containerID: String
    let interfaceName: String
    /// FNV-1a over the container id, a NUL byte and the interface name.
    let hash: UInt64

    init(containerID: String, interfaceName: String) {
        self.containerID = containerID
        self.interfaceName = interfaceName
        hash = FNV1a.hash64(Array(containerID.utf8) + [0] + Array(interfaceName.utf8))
    }

    init(_ request: Request) {
        self.init(containerID: request.containerID, interfaceName: request.interfaceName)
    }

    init(_ attachment: Attachment) {
        self.init(containerID: attachment.containerID, interfaceName: attachment.interfaceName)
    }

    private var digits: String {
        let text = String(hash, radix: 16)
        return String(repeating: "0", count: 16 - text.count) + text
    }

    /// The name of the record file in ``NodePaths/attachments``.
    var fileName: String { "\(digits).json" }

    /// The name of the host's end of the veth pair: 15 bytes, the longest that Linux takes, and a prefix of
    /// ``fileName`` but for its first four letters.
    var hostInterface: String { "veth\(digits.prefix(11))" }

    /// The pod's hardware address where nobody asked for another.
    var podMAC: MACAddress { MACAddress(locallyAdministered: hash) }

    /// The hardware address of the host's end, which no frame carries.
    var hostMAC: MACAddress { MACAddress(locallyAdministered: ~hash) }
}
