import Glibc
import Host
import KernelEye

/// The loopback device of a new network namespace, and datagrams over it.
final class Loopback: Sendable {
    let device: Int32
    private let receiver: OwnedDescriptor
    private let sender: OwnedDescriptor

    init() throws {
        try Command.run("/usr/sbin/ip", "link", "set", "lo", "up")
        let receiver = OwnedDescriptor(owning: socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0))
        let sender = OwnedDescriptor(owning: socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        // Sound: a sockaddr_in starts as every sockaddr does, and its own size is passed along.
        try unsafe withUnsafeMutablePointer(to: &address) {
            try unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                try retrying("bind", "") { unsafe bind(receiver.raw, address, length) }
                try retrying("name", "") { unsafe getsockname(receiver.raw, address, &length) }
                try retrying("connect", "") { unsafe connect(sender.raw, address, length) }
            }
        }
        device = Int32(unsafe if_nametoindex("lo"))
        self.receiver = receiver
        self.sender = sender
    }

    /// Sends `count` datagrams of `length` bytes.
    ///
    /// - Returns: How many of them arrived, with those sent before.
    @discardableResult
    func send(_ count: Int, length: Int = 100) throws -> Int {
        let bytes = [UInt8](repeating: 1, count: length)
        var buffer = [UInt8](repeating: 0, count: 2048)
        var received = 0
        for _ in 0..<count {
            try retrying("send", "") { unsafe Glibc.send(sender.raw, bytes, bytes.count, 0) }
            // Over the loopback device a datagram has arrived when it was sent.
            while unsafe recv(receiver.raw, &buffer, buffer.count, Int32(MSG_DONTWAIT)) > 0 { received += 1 }
        }
        return received
    }
}
