/// A transport address: `192.0.2.1:31337` or `[2001:db8::1]:31337`.
public struct SocketAddress: Hashable, Sendable, Comparable, CustomStringConvertible {
    public let address: IPAddress
    /// In host byte order.
    public let port: UInt16

    public init(_ address: IPAddress, port: UInt16) {
        self.address = address
        self.port = port
    }

    public var description: String {
        address.family == .v4 ? "\(address):\(port)" : "[\(address)]:\(port)"
    }

    public static func < (left: SocketAddress, right: SocketAddress) -> Bool {
        left.address == right.address ? left.port < right.port : left.address < right.address
    }
}
