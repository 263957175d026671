internal import Glibc
public import Host
internal import NetlinkShim
internal import SyscallShim

/// Something that a device's driver can do, by the kernel's name for it: `tx-tcp-segmentation`,
/// `tx-udp_tnl-segmentation`, `rx-gro` (ethtool(8), `-k`).
public struct DeviceFeature: Hashable, Sendable {
    public var name: String
    /// In force now.
    public var isOn: Bool
    /// Asked for; what is not in force nevertheless, another feature that is off keeps it from being.
    public var isWanted: Bool
    /// May be switched by an administrator.
    public var canChange: Bool
}

/// What the devices of one network namespace can do, by ethtool's netlink interface (Linux 5.8).
///
/// Not for use by two threads at once.
public final class DeviceFeatures {
    private let kernel: GenericFamily

    /// Opens it in the network namespace in which the calling thread is.
    ///
    /// - Throws: ENOENT where the kernel lacks it.
    public init() throws(SystemError) {
        kernel = try GenericFamily(
            ETHTOOL_GENL_NAME, version: Int(ETHTOOL_GENL_VERSION),
            remedy: "use a kernel that was built with CONFIG_ETHTOOL_NETLINK")
    }

    /// All features of a device, those included that it cannot have.
    public func features(of index: Int32) throws(SystemError) -> [DeviceFeature] {
        let message = kernel.message(ETHTOOL_MSG_FEATURES_GET)
        Self.putHeader(message, index)
        let request = Request(operation: "get features", subject: "of index \(index)", message: message)
        guard let reply = try kernel.socket.query(request) else { return [] }
        let attributes = reply.genericAttributes
        let changeable = FeatureSet(attributes.first(ETHTOOL_A_FEATURES_HW))
        let fixed = FeatureSet(attributes.first(ETHTOOL_A_FEATURES_NOCHANGE)).names
        let wanted = FeatureSet(attributes.first(ETHTOOL_A_FEATURES_WANTED)).names
        let active = FeatureSet(attributes.first(ETHTOOL_A_FEATURES_ACTIVE)).names
        return changeable.all.map { name in
            DeviceFeature(
                name: name, isOn: active.contains(name), isWanted: wanted.contains(name),
                canChange: changeable.names.contains(name) && !fixed.contains(name))
        }
    }

    /// Switches features on or off; those that are not named stay as they are.
    ///
    /// - Throws: EINVAL where the kernel does not know a name. EOPNOTSUPP where it knows them all, and not all are as
    ///   they were to be afterwards: the detail names those; the others are changed.
    public func set(_ wanted: [String: Bool], of index: Int32) throws(SystemError) {
        let message = kernel.message(ETHTOOL_MSG_FEATURES_SET)
        Self.putHeader(message, index, flags: UInt32(ETHTOOL_FLAG_OMIT_REPLY))
        message.nest(ETHTOOL_A_FEATURES_WANTED) {
            message.nest(ETHTOOL_A_BITSET_BITS) {
                for (name, isOn) in wanted.sorted(by: { $0.key < $1.key }) {
                    message.nest(ETHTOOL_A_BITSET_BITS_BIT) {
                        message.put(ETHTOOL_A_BITSET_BIT_NAME, text: name)
                        if isOn { message.putFlag(ETHTOOL_A_BITSET_BIT_VALUE) }
                    }
                }
            }
        }
        let request = Request(operation: "set features", subject: "of index \(index)", message: message)
        try kernel.socket.perform([request])
        let refused = try features(of: index).filter { feature in wanted[feature.name] == !feature.isOn }
        guard !refused.isEmpty else { return }
        let list = refused.map { "\($0.name) stays \($0.isOn ? "on" : "off")" }.joined(separator: ", ")
        throw SystemError(request.operation, request.subject, code: EOPNOTSUPP, detail: list)
    }

    /// The name of a device's driver: `veth`, `virtio_net`, `ixgbe`; nil where the device has none or is not there. In
    /// the network namespace in which the calling thread is.
    public static func driver(of device: String) throws(SystemError) -> String? {
        // As ethtool has it (struct ethtool_drvinfo).
        var name = [UInt8](repeating: 0, count: 32)
        // Sound: the shim reads the device's name, and writes at most `$0.count` bytes, during the call alone.
        let result = unsafe name.withUnsafeMutableBytes {
            unsafe warrens_device_driver(device, $0.baseAddress, $0.count)
        }
        if result < 0 {
            let code = errno
            if code == EOPNOTSUPP || code == ENODEV { return nil }
            throw SystemError("get driver", device, code: code)
        }
        return String(decoding: name.prefix { $0 != 0 }, as: UTF8.self)
    }

    private static func putHeader(_ message: Message, _ index: Int32, flags: UInt32 = 0) {
        // The number of the header's attribute is the same in all of ethtool's messages.
        message.nest(ETHTOOL_A_FEATURES_HEADER) {
            message.put(ETHTOOL_A_HEADER_DEV_INDEX, UInt32(bitPattern: index))
            if flags != 0 { message.put(ETHTOOL_A_HEADER_FLAGS, flags) }
        }
    }
}

/// A set of features as ethtool writes it out, name by name (networking/ethtool-netlink.rst, "Bit sets").
private struct FeatureSet {
    /// All that it speaks of.
    var all: [String] = []
    /// Those that are in it.
    var names: Set<String> = []

    init(_ value: Payload?) {
        guard let attributes = value?.attributes() else { return }
        // A set without a mask lists its members alone.
        let isList = attributes.first(ETHTOOL_A_BITSET_NOMASK) != nil
        guard let bits = attributes.first(ETHTOOL_A_BITSET_BITS)?.attributes() else { return }
        for (_, bit) in bits {
            guard let name = bit.attributes().first(ETHTOOL_A_BITSET_BIT_NAME)?.text else { continue }
            all.append(name)
            if isList || bit.attributes().first(ETHTOOL_A_BITSET_BIT_VALUE) != nil { names.insert(name) }
        }
    }
}
