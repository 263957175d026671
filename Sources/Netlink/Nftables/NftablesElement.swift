public import Addressing

/// A member of an nftables set.
public enum NftablesElement: Hashable, Sendable {
    /// An address, or all addresses of a prefix in a set that holds prefixes.
    case prefix(IPPrefix)
    case interfaceName(String)

    public static func address(_ address: IPAddress) -> NftablesElement {
        .prefix(IPPrefix(host: address))
    }

    /// One key as the kernel stores it. A prefix is two: its first address, and, as an end, the one behind its last.
    struct Key {
        var bytes: [UInt8]
        var isEnd = false
    }

    static func keys(of elements: [NftablesElement], in set: NftablesSet) -> [Key] {
        if set.holdsPrefixes {
            let prefixes = elements.compactMap { if case .prefix(let prefix) = $0 { prefix.network } else { nil } }
            return prefixes.outermost().flatMap { prefix in
                let end = prefix.last.advanced(by: 1).map { Key(bytes: $0.bytes, isEnd: true) }
                return [Key(bytes: prefix.first.bytes)] + (end.map { [$0] } ?? [])
            }
        }
        return elements.map { element in
            switch element {
            case .prefix(let prefix): Key(bytes: prefix.address.bytes)
            case .interfaceName(let name): Key(bytes: interfaceNameKey(name))
            }
        }
    }
}

extension NftablesSet.Key {
    /// nft's number of the data type; the kernel only hands it back.
    var type: UInt32 {
        switch self {
        case .ipv4Address: 7
        case .ipv6Address: 8
        case .interfaceName: 41
        }
    }

    /// In bytes.
    var length: UInt32 {
        switch self {
        case .ipv4Address: 4
        case .ipv6Address, .interfaceName: 16
        }
    }
}

/// The comment of a rule, in the form in which nft keeps it: type, length, text, NUL.
enum NftablesComment {
    static func encode(_ text: String) -> [UInt8] {
        var text = text
        while text.utf8.count > 127 { text.removeLast() }
        let bytes = Array(text.utf8) + [0]
        return [0, UInt8(bytes.count)] + bytes
    }

    static func decode(_ userData: Payload) -> String {
        var rest = userData.bytes
        while let type = rest.first, let length = rest.dropFirst().first {
            if type == 0 { return Payload(rest.dropFirst(2).prefix(Int(length))).text }
            rest = rest.dropFirst(2 + Int(length))
        }
        return ""
    }
}
