import Addressing
import Glibc
import Host

/// Sends ICMP echo requests (RFC 792, RFC 4443) to one address and waits for the replies.
struct EchoSocket: ~Copyable {
    private let descriptor: OwnedDescriptor
    private let family: IPFamily
    /// Raw IPv4 sockets hand out the IP header as well.
    private let receivesHeader: Bool
    /// Tells our replies from those of other programs.
    private let nonce: [UInt8]

    /// Opens a socket that talks to `address` alone, so that ICMP errors about it come back as errors.
    init(to address: IPAddress) throws(SystemError) {
        let isV4 = address.family == .v4
        let domain = isV4 ? AF_INET : AF_INET6
        let protocolNumber = Int32(isV4 ? IPPROTO_ICMP : IPPROTO_ICMPV6)
        // Echo sockets need no privilege but net.ipv4.ping_group_range, which a fresh namespace leaves empty.
        var raw = socket(domain, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), protocolNumber)
        let isRaw = raw < 0
        if isRaw {
            raw = try retrying("open ICMP socket", address.description) {
                socket(domain, Int32(SOCK_RAW.rawValue) | Int32(SOCK_CLOEXEC.rawValue), protocolNumber)
            }
        }
        let opened = OwnedDescriptor(owning: raw)
        try Self.connect(raw, to: address)
        family = address.family
        receivesHeader = isRaw && isV4
        nonce = (0..<8).map { _ in UInt8.random(in: 0 ... .max) }
        descriptor = opened
    }

    /// Sends one request and waits for its reply.
    ///
    /// - Returns: The round trip, or nil where no reply came in time.
    /// - Throws: Also what routers or this host's routes answered: EHOSTUNREACH, ENETUNREACH.
    func roundTrip(sequence: UInt16, timeout: Duration) throws(SystemError) -> Duration? {
        let request = Self.request(family, sequence: sequence, payload: nonce)
        let clock = ContinuousClock()
        let start = clock.now
        try retrying("send echo request", "") {
            // Sound: the kernel reads as many bytes as the array has.
            unsafe request.withUnsafeBytes { unsafe send(descriptor.raw, $0.baseAddress, $0.count, 0) }
        }
        while true {
            let (seconds, attoseconds) = (timeout - start.duration(to: clock.now)).components
            let milliseconds = seconds * 1000 + attoseconds / 1_000_000_000_000_000
            guard milliseconds > 0, try waitForInput(Int32(clamping: milliseconds)) else { return nil }
            var buffer = [UInt8](repeating: 0, count: 1500)
            let count = try retrying("receive echo reply", "") {
                // Sound: the kernel writes at most as many bytes as the buffer has.
                unsafe buffer.withUnsafeMutableBytes { unsafe recv(descriptor.raw, $0.baseAddress, $0.count, 0) }
            }
            if isReply(buffer[..<count], sequence: sequence) { return start.duration(to: clock.now) }
        }
    }

    private func waitForInput(_ milliseconds: Int32) throws(SystemError) -> Bool {
        var entry = pollfd(fd: descriptor.raw, events: Int16(POLLIN), revents: 0)
        // Sound: there is one entry.
        return try retrying("wait for echo reply", "") { unsafe poll(&entry, 1, milliseconds) } > 0
    }

    private func isReply(_ packet: ArraySlice<UInt8>, sequence: UInt16) -> Bool {
        let message = receivesHeader ? packet.dropFirst(Int(packet.first ?? 0) % 16 * 4) : packet
        let bytes = Array(message)
        return bytes.count >= 16 && bytes[0] == (family == .v4 ? 0 : 129)
            && bytes[6] == UInt8(sequence >> 8) && bytes[7] == UInt8(sequence & 0xff)
            && bytes[8..<16].elementsEqual(nonce)
    }

    /// The identifier stays 0: echo sockets have the kernel set it, and the payload tells replies apart.
    static func request(_ family: IPFamily, sequence: UInt16, payload: [UInt8]) -> [UInt8] {
        var bytes: [UInt8] =
            [family == .v4 ? 8 : 128, 0, 0, 0, 0, 0, UInt8(sequence >> 8), UInt8(sequence & 0xff)] + payload
        guard family == .v4 else { return bytes }
        // RFC 1071; for ICMPv6 the kernel does it.
        var sum = stride(from: 0, to: bytes.count, by: 2).reduce(UInt32(0)) {
            $0 + UInt32(bytes[$1]) << 8 + UInt32($1 + 1 < bytes.count ? bytes[$1 + 1] : 0)
        }
        while sum > 0xffff { sum = sum >> 16 + sum & 0xffff }
        bytes[2] = UInt8(truncatingIfNeeded: ~sum >> 8)
        bytes[3] = UInt8(truncatingIfNeeded: ~sum)
        return bytes
    }

    private static func connect(_ raw: Int32, to address: IPAddress) throws(SystemError) {
        let bytes = address.bytes
        try retrying("reach", address.description) {
            switch address.family {
            case .v4:
                var target = sockaddr_in()
                target.sin_family = sa_family_t(AF_INET)
                unsafe withUnsafeMutableBytes(of: &target.sin_addr) { unsafe $0.copyBytes(from: bytes) }
                return connect(raw, &target)
            case .v6:
                var target = sockaddr_in6()
                target.sin6_family = sa_family_t(AF_INET6)
                unsafe withUnsafeMutableBytes(of: &target.sin6_addr) { unsafe $0.copyBytes(from: bytes) }
                return connect(raw, &target)
            }
        }
    }

    private static func connect<Address>(_ raw: Int32, _ target: inout Address) -> Int32 {
        // Sound: both kinds of address start as every sockaddr does, and their own size is passed along.
        unsafe withUnsafePointer(to: &target) {
            unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe Glibc.connect(raw, $0, socklen_t(MemoryLayout<Address>.size))
            }
        }
    }
}
