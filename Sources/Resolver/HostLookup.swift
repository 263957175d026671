public import Addressing
internal import Host
internal import ResolverShim

/// Looks up the addresses of host names by /etc/hosts and the name servers of /etc/resolv.conf: getaddrinfo is no use in
/// a static executable.
public enum HostLookup {
    /// What became of one name.
    public struct Answer: Sendable {
        /// Both families; empty where the name is unknown or nobody answered.
        public let addresses: [IPAddress]
        /// The shortest time to live of the addresses, in seconds; 0 where none has one, as in /etc/hosts.
        public let life: Int
    }

    /// Looks up all names at once. Waits until the last answer or time-out, a few seconds.
    ///
    /// - Parameter stop: A descriptor that ends the wait by becoming readable.
    /// - Returns: An answer for each name, in their order.
    public static func addresses(of names: [String], stop: Int32 = -1) -> [Answer] {
        var results = [warrens_resolution](repeating: warrens_resolution(), count: names.count)
        let code = resolve(names, &results, stop: stop)
        return results.map { Answer(addresses: code == 0 ? addresses($0) : [], life: Int($0.time_to_live)) }
    }

    private static func resolve(_ names: [String], _ results: inout [warrens_resolution], stop: Int32) -> Int32 {
        var text: [CChar] = []
        var offsets: [Int] = []
        for name in names {
            offsets.append(text.count)
            text += name.utf8.map { CChar(bitPattern: $0) } + [0]
        }
        // Sound: the pointers lead into `text`, which lives until the call has ended, to texts that end with a zero.
        return unsafe text.withUnsafeBufferPointer { text in
            let pointers: [UnsafePointer<CChar>?] = unsafe offsets.map { offset in
                unsafe text.baseAddress.map { unsafe $0 + offset }
            }
            return unsafe warrens_resolve(pointers, &results, Int32(pointers.count), stop)
        }
    }

    private static func addresses(_ result: warrens_resolution) -> [IPAddress] {
        // Sound: the C side fills `count` of them.
        unsafe withUnsafeBytes(of: result.addresses) { memory in
            let addresses = unsafe memory.bindMemory(to: warrens_host_address.self)
            return unsafe addresses.prefix(Int(result.count)).compactMap { address in
                let bytes = unsafe withUnsafeBytes(of: address.bytes) { unsafe Array($0) }
                return IPAddress(bytes: address.is_v6 == 1 ? bytes : Array(bytes.prefix(4)))
            }
        }
    }
}
