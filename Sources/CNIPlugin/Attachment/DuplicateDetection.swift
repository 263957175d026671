internal import Glibc
internal import Host
internal import Netlink

/// Waits for IPv6 duplicate address detection (RFC 4862 section 5.4), which an operator can ask for.
enum DuplicateDetection {
    /// Waits until all addresses of an interface can be used, at most ten seconds.
    ///
    /// - Throws: EADDRINUSE where another host has one, ETIMEDOUT.
    static func wait(_ socket: RouteSocket, _ index: Int32) throws(SystemError) {
        for _ in 0..<500 {
            let addresses = try socket.addresses(on: index)
            if let duplicate = addresses.first(where: \.isDuplicate) {
                throw SystemError("use", "\(duplicate.prefix)", code: EADDRINUSE)
            }
            if !addresses.contains(where: \.isTentative) { return }
            usleep(20_000)
        }
        throw SystemError("wait for duplicate address detection on", "index \(index)", code: ETIMEDOUT)
    }
}
