internal import Addressing
internal import Glibc

extension IPFamily {
    /// `AF_INET` or `AF_INET6`.
    var number: UInt8 { UInt8(self == .v4 ? AF_INET : AF_INET6) }

    init?(number: UInt8) {
        switch Int32(number) {
        case AF_INET: self = .v4
        case AF_INET6: self = .v6
        default: return nil
        }
    }
}

extension Payload {
    /// The address that fills the attribute.
    var address: IPAddress? { IPAddress(bytes: bytes) }
}
