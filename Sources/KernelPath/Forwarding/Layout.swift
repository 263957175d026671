internal import Addressing
internal import BPFShim

// The values of `datapath_layout.h`, made of ours.

extension warrens_address {
    init(_ address: IPAddress) {
        // ::ffff:a.b.c.d
        let bits = address.family == .v4 ? 0xffff << 32 | address.bits : address.bits
        self.init(
            word: (
                UInt32(truncatingIfNeeded: bits >> 96).bigEndian, UInt32(truncatingIfNeeded: bits >> 64).bigEndian,
                UInt32(truncatingIfNeeded: bits >> 32).bigEndian, UInt32(truncatingIfNeeded: bits).bigEndian
            ))
    }
}

extension warrens_prefix {
    init(_ prefix: IPPrefix) {
        self.init(length: UInt32(prefix.mappedLength), address: warrens_address(prefix.first))
    }
}

extension IPPrefix {
    /// The length of the prefix in the form that both families share: 96 more for IPv4.
    var mappedLength: Int { length + (family == .v4 ? 96 : 0) }
}

typealias MACBytes = (UInt8, UInt8, UInt8, UInt8, UInt8, UInt8)

extension MACAddress {
    var tuple: MACBytes { (bytes[0], bytes[1], bytes[2], bytes[3], bytes[4], bytes[5]) }
}

/// A key or value of a map that is compared as the kernel compares it: byte by byte.
struct Bytes<Value: BitwiseCopyable & Sendable>: Hashable, Sendable {
    let value: Value

    init(_ value: Value) { self.value = value }

    // Sound: the types of the layout have no padding, so that each of their bytes has a value.

    static func == (left: Bytes, right: Bytes) -> Bool {
        unsafe withUnsafeBytes(of: left.value) { left in
            unsafe withUnsafeBytes(of: right.value) { right in unsafe left.elementsEqual(right) }
        }
    }

    func hash(into hasher: inout Hasher) {
        unsafe withUnsafeBytes(of: value) { unsafe hasher.combine(bytes: $0) }
    }
}
