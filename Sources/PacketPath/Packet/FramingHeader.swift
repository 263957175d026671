internal import Addressing

/// What stands before each inner packet in a cluster set to `framing: gpe`: the header of VXLAN-GPE
/// (draft-ietf-nvo3-vxlan-gpe), which for us is one of two constants.
///
///     0c 00 00 01|02   flags "VNI" and "next protocol"; two reserved bytes; IPv4 or IPv6 follows
///     00 00 57 00      the virtual network 0x57; a reserved byte
enum FramingHeader {
    /// In bytes.
    static let length = 8

    private static let v4: UInt64 = 0x0c00_0001_0000_5700
    private static let v6: UInt64 = 0x0c00_0002_0000_5700

    /// The header before packets of `family`, its first byte in the highest place.
    @inline(__always)
    static func value(_ family: IPFamily) -> UInt64 { family == .v4 ? v4 : v6 }

    /// The inner packet of a datagram; nil where the header is not ours, or announces another family than follows.
    @inline(__always)
    static func strip(_ datagram: PacketView) -> PacketView? {
        guard datagram.count > length else { return nil }
        let announced = datagram.load(UInt64.self, at: 0)
        switch datagram[length] >> 4 {
        case 4: guard announced == v4 else { return nil }
        case 6: guard announced == v6 else { return nil }
        default: return nil
        }
        return datagram.suffix(from: length)
    }

    /// Why a datagram that ``strip(_:)`` refused is not carried.
    static func refusal(of datagram: PacketView) -> DropReason {
        switch WireFormat.kind(of: datagram) {
        case .plain: return .otherFraming
        case .encrypted: return .encrypted
        case .control: return .control
        case .unknown: return .unknownFormat
        case .genericProtocolExtension:
            guard datagram.count >= length else { return .malformed }
            let announced = datagram.load(UInt64.self, at: 0)
            return announced == v4 || announced == v6 ? .malformed : .unknownFormat
        }
    }
}
