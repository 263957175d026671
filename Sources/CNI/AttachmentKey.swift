public import Addressing

/// Names that follow from an attachment alone, so that all executables find its parts when its namespace, its record
/// and its configuration are gone.
extension Attachment {
    /// FNV-1a over the container id, a NUL byte, which neither part can have, and the interface name.
    public var key: UInt64 {
        FNV1a.hash64(Array(containerID.utf8) + [0] + Array(interfaceName.utf8))
    }

    /// The pod's hardware address where nobody asked for another.
    public var podMAC: MACAddress { MACAddress(locallyAdministered: key) }

    /// The hardware address of the host's end, which no frame carries.
    public var hostMAC: MACAddress { MACAddress(locallyAdministered: ~key) }

    /// ``key`` as 16 lower-case hexadecimal digits.
    private var digits: String {
        let digits = String(key, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    /// The name of a file about the attachment, in whichever directory: 16 hexadecimal digits and ``fileSuffix``.
    public var fileName: String { digits + Self.fileSuffix }

    public static var fileSuffix: String { ".json" }

    /// True for the names that ``fileName`` makes.
    public static func isFileName(_ name: String) -> Bool {
        name.utf8.count == 16 + fileSuffix.utf8.count && name.hasSuffix(fileSuffix)
            && name.utf8.prefix(16).allSatisfy(isDigit)
    }

    /// The name of the host's end of the pod's veth pair: 15 bytes, the longest that Linux takes; but for its first
    /// four letters it is a prefix of ``fileName``.
    public var hostInterfaceName: String { "\(Self.hostInterfacePrefix)\(digits.prefix(11))" }

    private static var hostInterfacePrefix: String { "veth" }

    /// True for the names that ``hostInterfaceName`` makes.
    public static func isHostInterfaceName(_ name: String) -> Bool {
        name.utf8.count == 15 && name.hasPrefix(hostInterfacePrefix) && name.utf8.dropFirst(4).allSatisfy(isDigit)
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
    }
}
