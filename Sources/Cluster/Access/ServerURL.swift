public import Addressing

/// Where an API server is: `https://192.0.2.1:6443`, `https://[2001:db8::1]/k8s/clusters/c-1`.
public struct ServerURL: Hashable, Sendable, LosslessStringConvertible {
    public enum Host: Hashable, Sendable {
        case address(IPAddress)
        /// In lower case.
        case name(String)
    }

    public let isSecure: Bool
    public let host: Host
    /// In host byte order.
    public let port: UInt16
    /// What every path begins with: empty, or begins with a slash and does not end with one.
    public let base: String

    public init(isSecure: Bool = true, host: Host, port: UInt16, base: String = "") {
        self.isSecure = isSecure
        self.host = host
        self.port = port
        self.base = base
    }

    /// - Returns: Nil for what no request can be sent to: another scheme, user information, a query.
    public init?(_ text: String) {
        guard text.utf8.allSatisfy({ (0x21...0x7e).contains($0) }), let colon = text.firstIndex(of: ":") else {
            return nil
        }
        let scheme = text[..<colon].lowercased()
        guard scheme == "https" || scheme == "http", text[colon...].hasPrefix("://") else { return nil }
        let rest = text[text.index(colon, offsetBy: 3)...]
        let authority = rest.prefix { $0 != "/" }
        let path = rest[authority.endIndex...]
        guard !rest.contains("?"), !rest.contains("#"), !rest.contains("\\"),
            let (host, port) = Self.authority(authority)
        else { return nil }
        isSecure = scheme == "https"
        self.host = host
        self.port = port ?? (isSecure ? 443 : 80)
        base = String(path.reversed().drop { $0 == "/" }.reversed())
    }

    private static func authority(_ text: Substring) -> (Host, port: UInt16?)? {
        var hostText = text
        var port: UInt16?
        if let colon = text.lastIndex(of: ":"), !text[colon...].contains("]") {
            guard let number = UInt16(text[text.index(after: colon)...]), number > 0 else { return nil }
            port = number
            hostText = text[..<colon]
        }
        return host(hostText).map { ($0, port) }
    }

    /// Reads an address, an IPv6 one in brackets, or a host name.
    private static func host(_ text: Substring) -> Host? {
        if text.hasPrefix("["), text.hasSuffix("]") {
            guard let address = IPAddress(String(text.dropFirst().dropLast())), address.family == .v6 else {
                return nil
            }
            return .address(address)
        }
        if let address = IPAddress(String(text)) { return address.family == .v4 ? .address(address) : nil }
        let labels = text.split(separator: ".", omittingEmptySubsequences: false)
        guard (1...253).contains(text.utf8.count), text.first != "-", labels.allSatisfy({ !$0.isEmpty }),
            text.utf8.allSatisfy({ isNameByte($0) })
        else { return nil }
        return .name(text.lowercased())
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."): true
        default: false
        }
    }

    /// The `Host` header: without the port where that is the scheme's own.
    public var authority: String {
        let name =
            switch host {
            case .address(let address): address.family == .v6 ? "[\(address)]" : address.description
            case .name(let name): name
            }
        return port == (isSecure ? 443 : 80) ? name : "\(name):\(port)"
    }

    public var description: String { "\(isSecure ? "https" : "http")://\(authority)\(base)" }
}
