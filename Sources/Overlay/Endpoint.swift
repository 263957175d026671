public import Addressing

/// Where a peer's datagrams go: an address, or a host name that must be resolved first, with a UDP port.
public enum Endpoint: Hashable, Sendable, CustomStringConvertible {
    case address(SocketAddress)
    /// A host name in lower case and a port in host byte order.
    case name(String, port: UInt16)

    /// Reads `host:port` or `[v6]:port`. Nothing that a datagram cannot be sent to is accepted.
    public init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":"), let port = Self.port(text[text.index(after: colon)...]) else {
            return nil
        }
        let host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") {
            guard let address = IPAddress(String(host.dropFirst().dropLast())), address.family == .v6,
                Self.isReachable(address)
            else { return nil }
            self = .address(SocketAddress(address, port: port))
        } else if let address = IPAddress(String(host)) {
            // An IPv6 address without brackets could have swallowed the port.
            guard address.family == .v4, Self.isReachable(address) else { return nil }
            self = .address(SocketAddress(address, port: port))
        } else {
            guard Self.isHostName(host) else { return nil }
            self = .name(host.lowercased(), port: port)
        }
    }

    public var description: String {
        switch self {
        case .address(let address): address.description
        case .name(let name, let port): "\(name):\(port)"
        }
    }

    /// The address, where no name stands for it.
    public var socketAddress: SocketAddress? {
        if case .address(let address) = self { address } else { nil }
    }

    /// False for addresses that name no single machine, or not without a device: unspecified, multicast, link-local
    /// and broadcast ones.
    static func isReachable(_ address: IPAddress) -> Bool {
        !address.isUnspecified && !address.isMulticast && !(address.isLinkLocal && address.family == .v6)
            && address != IPAddress(v4: .max)
    }

    private static func port(_ text: Substring) -> UInt16? {
        guard (1...5).contains(text.utf8.count), text.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            let port = UInt16(text), port > 0
        else { return nil }
        return port
    }

    /// Letters, digits, hyphens and underscores between dots (RFC 1123 section 2.1); the last part is no number, or
    /// the whole would be a misspelt address.
    private static func isHostName(_ text: Substring) -> Bool {
        let name = text.hasSuffix(".") ? text.dropLast() : text
        let labels = name.split(separator: ".", omittingEmptySubsequences: false)
        guard (1...253).contains(name.utf8.count), let last = labels.last else { return false }
        let isGood = labels.allSatisfy { label in
            (1...63).contains(label.utf8.count) && label.first != "-" && label.last != "-"
                && label.utf8.allSatisfy(isHostNameCharacter)
        }
        return isGood && !last.utf8.allSatisfy { (0x30...0x39).contains($0) }
    }

    private static func isHostNameCharacter(_ character: UInt8) -> Bool {
        switch character {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"): true
        default: false
        }
    }
}
