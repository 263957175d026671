import Addressing
import ArgumentParser

/// What an IP packet carries.
struct TransportProtocol: Hashable {
    private let v4: UInt8
    private let v6: UInt8

    static let tcp = TransportProtocol(v4: 6, v6: 6)
    static let udp = TransportProtocol(v4: 17, v6: 17)
    static let icmp = TransportProtocol(v4: 1, v6: 58)

    private init(v4: UInt8, v6: UInt8) {
        (self.v4, self.v6) = (v4, v6)
    }

    /// `tcp`, `udp`, `icmp`, or a number of IANA's.
    init(_ text: String) throws {
        switch text.lowercased() {
        case "tcp": self = .tcp
        case "udp": self = .udp
        case "icmp", "icmpv6": self = .icmp
        default:
            guard let number = UInt8(text) else {
                throw ValidationError("\"\(text)\" is not a protocol; use tcp, udp, icmp or a number up to 255")
            }
            self.init(v4: number, v6: number)
        }
    }

    func number(_ family: IPFamily) -> UInt8 { family == .v4 ? v4 : v6 }

    var hasPorts: Bool { self == .tcp || self == .udp }

    /// The shortest header, in bytes.
    var headerLength: Int {
        switch self {
        case .tcp: 20
        case .udp, .icmp: 8
        default: 0
        }
    }

    /// `UDP`, `protocol 47`.
    static func name(_ number: UInt8) -> String {
        switch number {
        case 6: "TCP"
        case 17: "UDP"
        case 1: "ICMP"
        case 58: "ICMPv6"
        default: "protocol \(number)"
        }
    }
}
